/**
 * Keeps Deno's HTTP/2, and grpc-js on top of it, from crashing when a connection goes away.
 *
 * Until denoland/deno#36788 is fixed, a GOAWAY frame makes Deno close the session while nghttp2 is still reading
 * from it: after a few hundred short TLS connections, or one that was idle for minutes, the process dies of an
 * assertion or SIGSEGV. To prevent that, every session is closed a tick later, when nghttp2 has returned.
 * Import this before anything that uses `node:http2`.
 *
 * @module
 */

import http2 from "node:http2";
import process from "node:process";
import { setImmediate } from "node:timers";

interface Session {
  close(callback?: () => void): void;
  once(event: "close", listener: () => void): unknown;
  destroy(error?: Error, code?: number): void;
  emit(event: string | symbol, ...args: unknown[]): boolean;
}

interface Server {
  on(event: "session", listener: (session: Session) => void): unknown;
}

/** Makes `close` and `destroy` of this session take effect a tick later. */
function closeLater<T extends Session>(session: T): T {
  const close = session.close.bind(session);
  const destroy = session.destroy.bind(session);
  session.close = (callback) => {
    // A session that is already closing would ignore the callback.
    if (callback !== undefined) session.once("close", callback);
    process.nextTick(close);
  };
  session.destroy = (...args) => process.nextTick(() => destroy(...args));
  return session;
}

/**
 * Reports a GOAWAY to a client in a separate turn of the event loop.
 *
 * A server that is shutting down may send it right after its settings, and Deno reports both before any promise
 * continues. But grpc-js only starts to listen for the end of a connection after its settings have made it
 * ready. It would consider it ready for ever, and retry each call on it without a pause until memory runs out.
 */
function goAwayLater<T extends Session>(session: T): T {
  const emit = session.emit.bind(session);
  session.emit = (event, ...args) => {
    if (event !== "goaway") return emit(event, ...args);
    setImmediate(() => emit(event, ...args));
    return true;
  };
  return session;
}

function guardSessions<T extends Server>(server: T): T {
  server.on("session", closeLater);
  return server;
}

const { createServer, createSecureServer, connect } = http2;

// The types do not allow a plain assignment to a member of a module.
Object.assign(http2, {
  createServer: (...args: Parameters<typeof createServer>) => guardSessions(createServer(...args)),
  createSecureServer: (...args: Parameters<typeof createSecureServer>) =>
    guardSessions(createSecureServer(...args)),
  connect: (...args: Parameters<typeof connect>) => goAwayLater(closeLater(connect(...args))),
});
