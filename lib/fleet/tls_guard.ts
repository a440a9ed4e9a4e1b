/**
 * Keeps a process from ending when nats-server refuses its certificate.
 *
 * With TLS 1.3 the handshake is over for the client before the server has looked at its certificate, so the alert that
 * refuses it comes when the client has begun to write. If that fails first, `@nats-io/transport-node` 3.4.0 removes all
 * listeners from the socket, and the alert that is read then is an error that nobody handles: two of five such
 * connections have ended the process [measured]. Import this before anything that uses that package.
 *
 * @module
 */

import tls, { type TLSSocket } from "node:tls";

/** Has somebody listen to the errors of a socket after everybody else has been taken away. */
function guarded(socket: TLSSocket): TLSSocket {
  const removeAllListeners = socket.removeAllListeners.bind(socket);
  socket.removeAllListeners = (event?: string | symbol) => {
    removeAllListeners(event);
    return socket.on("error", () => {});
  };
  return socket;
}

const { connect } = tls;

// The types do not allow a plain assignment to a member of a module.
Object.assign(tls, {
  connect: (...args: unknown[]) => guarded(Reflect.apply(connect, tls, args)),
});
