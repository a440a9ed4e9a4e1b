import { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { writeTogether } from "../../lib/grpc/write_together.ts";
import { assert } from "../assert.ts";
import { until } from "../worker/fixture.ts";
import { JOB, TestServer } from "./fixture.ts";

type Chunk = { readonly chunk: Uint8Array };

/** A connection, and the sizes of what is written to it at once. */
function connection(): { readonly socket: TLSSocket; readonly writes: number[][] } {
  const writes: number[][] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Uint8Array, _encoding, callback) {
      writes.push([chunk.byteLength]);
      callback();
    },
    writev(chunks: Chunk[], callback) {
      writes.push(chunks.map(({ chunk }) => chunk.byteLength));
      callback();
    },
  }) as unknown as TLSSocket;
  writeTogether(socket);
  return { socket, writes };
}

Deno.test("writeTogether() sends what comes in one turn in one piece", async () => {
  const { socket, writes } = connection();
  for (const bytes of [10, 20, 30]) socket.write(new Uint8Array(bytes));
  assert.deepEqual(writes, []);
  await until(() => Promise.resolve(writes.length > 0));
  socket.write(new Uint8Array(40));
  await until(() => Promise.resolve(writes.length > 1));
  assert.deepEqual(writes, [[10, 20, 30], [40]]);
  socket.destroy();
});

Deno.test("writeTogether() holds up nothing that is large, and changes no order", async () => {
  const { socket, writes } = connection();
  socket.write(new Uint8Array(10));
  socket.write(new Uint8Array(100_000));
  assert.deepEqual(writes, [[10], [100_000]]);
  socket.write(new Uint8Array(20));
  socket.write(new Uint8Array(30));
  await until(() => Promise.resolve(writes.length > 2));
  assert.deepEqual(writes.slice(2), [[20, 30]]);
  socket.destroy();
});

Deno.test("writeTogether() loses nothing at the end of a connection", () => {
  const { socket, writes } = connection();
  socket.write(new Uint8Array(10));
  socket.write(new Uint8Array(20));
  socket.end();
  assert.deepEqual(writes, [[10, 20]]);
  socket.destroy();
});

Deno.test("The frames of an answer are sent together", async () => {
  const { cork } = TLSSocket.prototype;
  let corked = 0;
  TLSSocket.prototype.cork = function (this: TLSSocket) {
    corked++;
    cork.call(this);
  };
  try {
    await using server = await TestServer.start({ getJob: () => Promise.resolve(JOB) });
    await using client = await server.connect();
    await client.getJob({ jobId: JOB.jobId });
    const first = corked;
    await client.getJob({ jobId: JOB.jobId });
    // Its three frames, and perhaps what HTTP/2 has to say of windows or time.
    assert.ok(corked > first && corked < first + 3, `${corked - first} pieces`);
  } finally {
    TLSSocket.prototype.cork = cork;
  }
});
