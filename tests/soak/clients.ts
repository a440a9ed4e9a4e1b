/**
 * Clients that a daemon has to put up with.
 *
 * @module
 */

import * as tls from "node:tls";
import { connect } from "../../lib/grpc/client.ts";
import type { TestCertificates } from "../certificates.ts";

/** Connects with a client certificate, and hangs up without a word. */
export async function connectAndLeave(certificates: TestCertificates, port: number): Promise<void> {
  const { ca, cert, key } = await certificates.material("client");
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    ca,
    cert,
    key,
    servername: "localhost",
    ALPNProtocols: ["h2"],
  });
  const closed = Promise.withResolvers<void>();
  socket.once("secureConnect", () => socket.destroy());
  socket.once("error", closed.reject);
  socket.once("close", () => closed.resolve());
  await closed.promise;
}

/** Connects, makes a call, stays idle for a while, and says goodbye, which is a GOAWAY. */
export async function callAndLeave(
  certificates: TestCertificates,
  port: number,
  idleMs = 0,
): Promise<void> {
  const material = await certificates.material("client");
  await using client = await connect({ address: `127.0.0.1:${port}`, ...material });
  await client.listJobs({ filter: {}, pageSize: 1, pageToken: "" });
  if (idleMs > 0) await new Promise((resolve) => setTimeout(resolve, idleMs));
}

/** Runs something so many times, some of them at once. */
export async function repeat(
  count: number,
  atOnce: number,
  run: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < count) await run(next++);
  }));
}
