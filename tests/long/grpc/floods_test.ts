import { abortable } from "../../../lib/async/abortable.ts";
import type { CallContext } from "../../../lib/service/job_service.ts";
import { assert } from "../../assert.ts";
import { until } from "../../worker/fixture.ts";
import { JOB, TestServer } from "../../grpc/fixture.ts";
import {
  callFrames,
  callHeaders,
  END_HEADERS,
  FRAME,
  frameOf,
  headerBlock,
  numberPayload,
  RawHttp2,
} from "../../grpc/raw_http2.ts";

const { jobId } = JOB;
const CANCEL = numberPayload(8);
const REFUSED_STREAM = 7;

/** A service of which WaitJob waits until all may go on. */
class WaitingService {
  /** How many calls of WaitJob wait now. */
  waiting = 0;
  readonly gate = Promise.withResolvers<void>();

  readonly getJob = () => Promise.resolve(JOB);

  readonly waitJob = async (_request: unknown, { signal }: CallContext) => {
    this.waiting++;
    try {
      await abortable(this.gate.promise, signal);
    } finally {
      this.waiting--;
    }
    return JOB;
  };

  async waits(calls: number): Promise<void> {
    await until(() => Promise.resolve(this.waiting === calls));
  }
}

/** Sends the same again and again, without reading, for as long as the connection takes it. */
async function flood(raw: RawHttp2, frames: readonly Uint8Array[], times: number): Promise<void> {
  const batch = Array<typeof frames>(100).fill(frames).flat();
  for (let sent = 0; sent < times; sent += 100) {
    if (!await raw.send(...batch)) return;
  }
}

const HEADERS = callHeaders("WaitJob");

const FLOODS: Readonly<Record<string, (raw: RawHttp2) => Promise<void>>> = {
  async "streams that are cancelled as soon as they are served"(raw) {
    for (let batch = 0; batch < 100; batch++) {
      const ids = Array.from({ length: 100 }, (_, index) => 2 * (100 * batch + index) + 1);
      await raw.send(...ids.flatMap((id) => callFrames("WaitJob", id)));
      if (!await raw.answersPing()) return;
      await raw.send(...ids.map((id) => frameOf(FRAME.rstStream, id, CANCEL)));
    }
  },
  async "streams that are cancelled in the same breath"(raw) {
    for (let id = 1; id < 80_000; id += 2) {
      const frames = [...callFrames("WaitJob", id), frameOf(FRAME.rstStream, id, CANCEL)];
      if (!await raw.send(...frames)) return;
    }
  },
  async "DATA frames without data"(raw) {
    await raw.send(frameOf(FRAME.headers, 1, HEADERS, END_HEADERS));
    await flood(raw, [frameOf(FRAME.data, 1)], 20_000);
  },
  async "CONTINUATION frames without end"(raw) {
    await raw.send(frameOf(FRAME.headers, 1, HEADERS));
    await flood(raw, [frameOf(FRAME.continuation, 1, headerBlock({ x: "y" }))], 20_000);
  },
  async "a window larger than 2 GiB"(raw) {
    await raw.send(frameOf(FRAME.windowUpdate, 0, numberPayload(0x7fffffff)));
  },
  async "PINGs whose answers are not read"(raw) {
    await flood(raw, [frameOf(FRAME.ping, 0, new Uint8Array(8))], 2_000_000);
  },
  async "SETTINGS whose answers are not read"(raw) {
    await flood(raw, [frameOf(FRAME.settings, 0)], 2_000_000);
  },
};

Deno.test("a flood ends its own connection, and nobody else notices", async (t) => {
  const service = new WaitingService();
  await using server = await TestServer.start(service);
  await using bystander = await server.connect();
  const wait = bystander.waitJob({ jobId });
  await service.waits(1);
  for (const [name, send] of Object.entries(FLOODS)) {
    await t.step(name, async () => {
      using raw = await RawHttp2.connect(server);
      assert.equal(await raw.answersPing(), true);
      await send(raw);
      assert.equal(await raw.answersPing(), false);
      await service.waits(1);
      await until(() => Promise.resolve(server.connections === 1));
      assert.deepEqual(await bystander.getJob({ jobId }), JOB);
    });
  }
  service.gate.resolve();
  assert.deepEqual(await wait, JOB);
  assert.deepEqual(server.faults, []);
});

Deno.test("a connection carries 1200 calls at once, and others as many more", async () => {
  const service = new WaitingService();
  await using server = await TestServer.start(service);
  using raw = await RawHttp2.connect(server);
  for (let id = 1; id <= 2401; id += 2) await raw.send(...callFrames("WaitJob", id));
  const reset = await raw.receiveOnly(FRAME.rstStream);
  assert.deepEqual([reset?.streamId, reset?.payload.at(-1)], [2401, REFUSED_STREAM]);
  await service.waits(1200);

  // Our own client knows how many it may have, and lets the rest wait for their turn.
  await using client = await server.connect();
  const calls = Array.from({ length: 1300 }, () => client.waitJob({ jobId }));
  await service.waits(2400);
  await using another = await server.connect();
  assert.deepEqual(await another.getJob({ jobId }), JOB);
  assert.equal(service.waiting, 2400);

  service.gate.resolve();
  assert.deepEqual(await Promise.all(calls), Array(1300).fill(JOB));
  assert.deepEqual(server.faults, []);
});
