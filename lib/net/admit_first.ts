import type { Server, Socket } from "node:net";

/**
 * Lets a TLS server have only those connections that are admitted. Deno 2.9.6 never frees what a TLS server makes of
 * a connection that is closed already: 35 KB, which anybody could take as often as they like.
 *
 * @param admit closes the connection itself if it is not to be had
 */
export function admitFirst(server: Server, admit: (socket: Socket) => boolean): void {
  // The server's own listener, which starts the handshake.
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket) => {
    if (!admit(socket)) return;
    for (const listener of listeners) listener.call(server, socket);
  });
}
