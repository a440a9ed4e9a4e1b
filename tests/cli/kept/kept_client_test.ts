import { JobWorkerError } from "../../../lib/errors.ts";
import { KeptClient } from "../../../lib/cli/kept/kept_client.ts";
import { Line } from "../../../lib/cli/kept/line.ts";
import type { JobClient, LogBatch, StartJobRequest } from "../../../lib/cli/job_client.ts";
import { FrameConnection } from "../../../lib/net/frame_connection.ts";
import { assert } from "../../assert.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";
import { clientOf, jobOf } from "../fake_daemon.ts";
import { newJob } from "../parsing.ts";
import { failureOf } from "./fixture.ts";

const JOB = { jobId: "1" };
const STOP = { ...JOB, stopSignal: "", gracePeriodMs: null };

/** A keeper that is ready, says what it is told to once it is asked, and is gone. */
async function withTraitor(
  said: readonly unknown[],
  direct: Partial<JobClient>,
  use: (client: KeptClient) => Promise<void>,
): Promise<readonly unknown[]> {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/keeper.sock`;
  using listener = Deno.listen({ transport: "unix", path });
  const asked: unknown[] = [];
  const serving = (async () => {
    using connection = new FrameConnection(await listener.accept());
    await connection.send({ kind: "ready" });
    const { value } = await connection.frames().next();
    if (value !== undefined) asked.push(Reflect.get(Object(value.head), "request"));
    for (const message of said) await connection.send(message);
  })();
  const client = new KeptClient(await Line.open(path), {
    path,
    keepMs: 1,
    onReconnecting: () => {},
    connect: () => Promise.resolve(clientOf(direct)),
  });
  await use(client);
  await client[Symbol.asyncDispose]();
  await serving;
  return asked;
}

Deno.test("A start whose keeper is lost is asked for again under the same id", async () => {
  let again: Partial<StartJobRequest> | undefined;
  const startJob: JobClient["startJob"] = (request) => {
    again = request as Partial<StartJobRequest>;
    return Promise.resolve(jobOf());
  };
  const [first] = await withTraitor([], { startJob }, async (client) => {
    assert.deepEqual(await client.startJob(newJob("true")), jobOf());
  });
  assert.ok(again?.requestId, "It has an id");
  assert.equal(Reflect.get(Object(first), "requestId"), again.requestId);
});

Deno.test("A stop whose keeper is lost is not asked for again", async () => {
  const stopJob = () => Promise.reject(new Error("It was asked for twice"));
  await withTraitor([], { stopJob }, async (client) => {
    const error = await failureOf(client.stopJob(STOP));
    assert.ok(error instanceof JobWorkerError && error.code === "unavailable", String(error));
  });
});

Deno.test("A log whose keeper is lost goes on where it was, without it", async () => {
  const batch: LogBatch = { records: [], nextOffset: 7, endOffset: 9, finishedJob: null };
  const last: LogBatch = { records: [], nextOffset: 9, finishedJob: jobOf() };
  const rests: unknown[] = [];
  const direct: Partial<JobClient> = {
    async *streamLogs(request) {
      rests.push(request);
      yield last;
    },
  };
  const first = { kind: "offset", offset: 0 } as const;
  const request = { ...JOB, streams: [], follow: false, start: first } as const;
  await withTraitor([{ kind: "answer", answer: batch }], direct, async (client) => {
    assert.deepEqual(await Array.fromAsync(client.streamLogs(request)), [batch, last]);
  });
  const start = { kind: "offset", offset: 7 };
  assert.deepEqual(rests, [{ ...request, start, endOffset: 9 }]);
  // What was everything is not asked for again.
  await withTraitor([{ kind: "answer", answer: last }], {}, async (client) => {
    assert.deepEqual(await Array.fromAsync(client.streamLogs(request)), [last]);
  });
});

Deno.test("Whatever comes after the keeper is lost goes without it", async () => {
  let asked = 0;
  const getJob = () => Promise.resolve(jobOf({ pid: ++asked }));
  await withTraitor([], { getJob, stopJob: getJob }, async (client) => {
    assert.equal((await client.getJob(JOB)).pid, 1);
    assert.equal((await client.stopJob(STOP)).pid, 2);
  });
});

Deno.test("The health is asked for by a connection of its own", async () => {
  const checkHealth = () => Promise.resolve("serving" as const);
  const asked = await withTraitor([], { checkHealth }, async (client) => {
    assert.equal(await client.checkHealth(), "serving");
  });
  assert.deepEqual(asked, []);
});

Deno.test("A keeper that does not say that it is ready is sent nothing", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/keeper.sock`;
  using listener = Deno.listen({ transport: "unix", path });
  // As when it is suspended: the system accepts the connection in its place.
  await assert.rejects(Line.open(path), { name: "KeeperLost", wasAsked: false });
  using connection = await listener.accept();
  assert.equal(await connection.read(new Uint8Array(1)), null);
});
