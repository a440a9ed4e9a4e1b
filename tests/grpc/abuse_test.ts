import { Buffer } from "node:buffer";
import http2, { type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { gzipSync } from "node:zlib";
import { assert } from "../assert.ts";
import { JOB, TestServer } from "./fixture.ts";

/**
 * One call of GetJob with headers and bytes of one's choice, on a connection of its own.
 *
 * @returns its gRPC status code, if it came to that
 */
async function call(
  server: TestServer,
  headers: OutgoingHttpHeaders,
  body: Uint8Array,
): Promise<string | undefined> {
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
    const grpc = received["grpc-status"];
    return grpc === undefined ? undefined : String(grpc);
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

const MESSAGE = frame(Buffer.from([0x0a, 1, 0x78]));

Deno.test("a server survives what no client of ours would send", async (t) => {
  await using server = await TestServer.start({ getJob: () => Promise.resolve(JOB) });
  await t.step("an ordinary call, for comparison", async () => {
    assert.equal(await call(server, {}, MESSAGE), "0");
  });
  await t.step(
    "a hundred kilobytes that unpack to a hundred megabytes: RESOURCE_EXHAUSTED",
    async () => {
      const bomb = frame(gzipSync(Buffer.alloc(100 * 1024 * 1024)), 1);
      assert.equal(await call(server, { "grpc-encoding": "gzip" }, bomb), "8");
    },
  );
  await t.step("a message that is compressed by no known method: UNIMPLEMENTED", async () => {
    const body = frame(Buffer.from("nonsense"), 1);
    assert.equal(await call(server, { "grpc-encoding": "rot13" }, body), "12");
  });
  await t.step("another content type: no call", async () => {
    assert.equal(await call(server, { "content-type": "text/html" }, MESSAGE), undefined);
  });
  await t.step("a megabyte of header, or ten thousand headers: no call", async () => {
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`x-${n}`, "v"]));
    for (const headers of [{ "x-long": "y".repeat(1024 * 1024) }, many]) {
      assert.equal(await call(server, headers, MESSAGE), undefined);
    }
  });
  await t.step("and it still answers", async () => {
    assert.equal(await call(server, {}, MESSAGE), "0");
  });
  assert.deepEqual(server.faults, []);
});
