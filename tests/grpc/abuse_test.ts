import { Buffer } from "node:buffer";
import http2, { type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { constants, deflateRawSync } from "node:zlib";
import { assert } from "../assert.ts";
import { JOB, TestServer } from "./fixture.ts";

/** How a call ended: whichever of these there were. */
interface Outcome {
  readonly http?: number;
  readonly grpc?: string;
  /** The error code of a stream that was reset: RFC 9113, 7. */
  readonly reset?: number;
}

/** One call of GetJob with headers and bytes of one's choice, on a connection of its own. */
async function call(
  server: TestServer,
  headers: OutgoingHttpHeaders,
  body: Uint8Array,
): Promise<Outcome> {
  const { ca, cert, key } = await server.certificates.material("client");
  const options = { ca, cert, key, maxSendHeaderBlockLength: 2 ** 30 };
  const session = http2.connect(`https://localhost:${server.port}`, options);
  const closed = new Promise((resolve) => session.once("close", resolve));
  session.on("error", () => {});
  try {
    const stream = session.request({
      ":method": "POST",
      ":path": "/jobworker.v1.JobWorker/GetJob",
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    const received: IncomingHttpHeaders = {};
    stream.on("response", (headers) => Object.assign(received, headers));
    stream.on("trailers", (headers) => Object.assign(received, headers));
    stream.on("error", () => {});
    stream.resume();
    stream.end(body);
    await new Promise((resolve) => stream.once("close", resolve));
    const { ":status": http, "grpc-status": grpc } = received;
    return {
      ...(http !== undefined && { http: Number(http) }),
      ...(grpc !== undefined && { grpc: String(grpc) }),
      ...(stream.rstCode > 0 && { reset: stream.rstCode }),
    };
  } finally {
    session.destroy();
    await closed;
  }
}

function frame(message: Uint8Array, compressed = 0): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

const {
  NGHTTP2_COMPRESSION_ERROR: COMPRESSION_ERROR,
  NGHTTP2_ENHANCE_YOUR_CALM: ENHANCE_YOUR_CALM,
} = http2.constants;

const MESSAGE = frame(Buffer.from([0x0a, 1, 0x78]));

/** A compressed message of this many megabytes of zeros, a thousandth as large itself. */
function bomb(megabytes: number): Uint8Array {
  const zeros = Buffer.alloc(1024 * 1024);
  const block = deflateRawSync(zeros, { finishFlush: constants.Z_SYNC_FLUSH });
  // RFC 1952, without the checksum at the end: who gets as far as that has lost already.
  const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
  return frame(Buffer.concat([head, ...Array<Buffer>(megabytes).fill(block)]), 1);
}

/** How much more memory this process has held meanwhile than before, at the most. */
async function memoryTaken(during: () => Promise<void>): Promise<number> {
  const peak = async () => {
    const status = await Deno.readTextFile("/proc/self/status");
    return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
  };
  // Where it is now is the peak from now on: see proc_pid_clear_refs(5).
  await Deno.writeTextFile("/proc/self/clear_refs", "5");
  const before = await peak();
  await during();
  return await peak() - before;
}

Deno.test("a server survives what no client of ours would send", async (t) => {
  let calls = 0;
  await using server = await TestServer.start({
    getJob() {
      calls++;
      return Promise.resolve(JOB);
    },
  });
  const ordinary = async () => {
    const before = calls;
    assert.deepEqual(await call(server, {}, MESSAGE), { http: 200, grpc: "0" });
    assert.equal(calls, before + 1);
    calls = before;
  };
  await t.step("an ordinary call, for comparison", ordinary);
  await t.step("a megabyte that unpacks to a gigabyte: RESOURCE_EXHAUSTED", async () => {
    const body = bomb(1024);
    const bytes = await memoryTaken(async () => {
      const outcome = await call(server, { "grpc-encoding": "gzip" }, body);
      assert.deepEqual(outcome, { http: 200, grpc: "8" });
    });
    assert.ok(bytes < 256 * 1024 * 1024, `${bytes} bytes more`);
  });
  await t.step("a message that is compressed by no known method: UNIMPLEMENTED", async () => {
    const body = frame(Buffer.from("nonsense"), 1);
    const outcome = await call(server, { "grpc-encoding": "rot13" }, body);
    assert.deepEqual(outcome, { http: 200, grpc: "12" });
  });
  await t.step("another content type, or none: 415", async () => {
    for (const type of ["text/html", "application/json", ""]) {
      assert.deepEqual(await call(server, { "content-type": type }, MESSAGE), { http: 415 });
    }
  });
  await t.step("ten thousand headers: the stream is reset", async () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`x-${n}`, "v"]));
    assert.deepEqual(await call(server, many, MESSAGE), { reset: ENHANCE_YOUR_CALM });
  });
  await t.step("a header of a megabyte: the connection is closed", async () => {
    const headers = { "x-long": "y".repeat(1024 * 1024) };
    assert.deepEqual(await call(server, headers, MESSAGE), { reset: COMPRESSION_ERROR });
  });
  await t.step("and it still answers", ordinary);
  assert.equal(calls, 0);
  assert.deepEqual(server.faults, []);
});
