/**
 * What TLS itself can do between two processes on the loopback: the other side of `TlsTarget`. Bytes
 * come back as they were sent, but after a line `send N` come N bytes.
 *
 * Arguments: certificate, key.
 *
 * @module
 */

import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { createServer, type TLSSocket } from "node:tls";
import { print } from "./report.ts";

const PIECE = new Uint8Array(256 * 1024);

const [cert = "", key = ""] = await Promise.all(Deno.args.map((path) => Deno.readTextFile(path)));
const server = createServer({ cert, key, minVersion: "TLSv1.3" }, (socket) => {
  // Whoever has what they wanted leaves.
  socket.on("error", () => {});
  socket.on("data", (bytes: Uint8Array) => answer(socket, bytes));
});
server.listen(0, "127.0.0.1", () => {
  print(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`);
});

function answer(socket: TLSSocket, bytes: Uint8Array): void {
  const count = /^send (\d+)\n$/.exec(new TextDecoder().decode(bytes))?.[1];
  if (count === undefined) socket.write(bytes);
  else Readable.from(pieces(Number(count))).pipe(socket);
}

function* pieces(count: number): Generator<Uint8Array> {
  for (; count > 0; count -= PIECE.byteLength) yield PIECE.subarray(0, count);
}
