import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { soon } from "../soon.ts";

/** What somebody shows to a server of NATS. */
export interface Shown {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Asks a server of NATS to let somebody in.
 *
 * The client library cannot be asked: where the server refuses a certificate, an error of the socket below TLS has
 * nobody to catch it.
 *
 * @param options.isRoute whether it is the port at which other servers connect
 * @returns whether it has
 */
export async function letsIn(
  port: number,
  shown: Shown,
  { isRoute = false }: { isRoute?: boolean } = {},
): Promise<boolean> {
  const answer = Promise.withResolvers<boolean>();
  const socket = connectTcp({ host: "127.0.0.1", port });
  const refused = () => answer.resolve(false);
  socket.on("error", refused).on("close", refused);
  // To clients the server speaks first, and in clear.
  socket.once(isRoute ? "connect" : "data", () => {
    const tls = connectTls({ ...shown, socket, host: "127.0.0.1" });
    tls.on("error", refused).on("close", refused);
    tls.on("data", (bytes) => {
      const text = String(bytes);
      if (text.includes("PONG")) answer.resolve(true);
      if (text.includes("-ERR")) refused();
    });
    tls.once("secureConnect", () => {
      tls.write('CONNECT {"verbose":false,"pedantic":false,"lang":"test"}\r\nPING\r\n');
    });
  });
  try {
    return await soon(answer.promise, () => "an answer of nats-server");
  } finally {
    const closed = Promise.withResolvers<void>();
    if (socket.closed) closed.resolve();
    socket.once("close", () => closed.resolve());
    socket.destroy();
    await closed.promise;
  }
}
