/**
 * A client whose daemon goes away in the moment in which it comes: in a process of its own, which a
 * client that goes round in circles would never give back.
 *
 * @module
 */

import { once } from "node:events";
import * as tls from "node:tls";
import { connect } from "../../lib/grpc/client.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { TestCertificates } from "../certificates.ts";

/** Frames of RFC 9113: empty SETTINGS, and behind it a GOAWAY without an error. */
const SETTINGS = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const GOAWAY = [0, 0, 8, 7, 0, 0, 0, 0, 0, ...new Array(8).fill(0)];

const certificates = await TestCertificates.create();
const { cert, key } = await certificates.material("server");
let connections = 0;
const server = tls.createServer({ cert, key, ALPNProtocols: ["h2"] }, (socket) => {
  connections++;
  socket.on("error", () => {});
  socket.resume();
  // In one piece, so that the client reads both at once.
  socket.write(Uint8Array.from([...SETTINGS, ...GOAWAY]));
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const address = server.address();
if (address === null || typeof address === "string") throw new TypeError("It does not listen");

const material = await certificates.material("client");
let outcome: unknown = "answered";
try {
  await using client = await connect({ address: `127.0.0.1:${address.port}`, ...material });
  await client.listJobs({}, { timeoutMs: 3_000 });
} catch (error) {
  outcome = error instanceof JobWorkerError ? error.code : error;
}
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify({ outcome, connections })));
await certificates[Symbol.asyncDispose]();
// Whatever is still open: the server has no reason to end.
Deno.exit(0);
