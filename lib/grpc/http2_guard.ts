/**
 * Keeps Deno's HTTP/2, and grpc-js above it, alive when a connection goes away.
 *
 * Until denoland/deno#36788 is fixed, a GOAWAY frame makes Deno close the session while nghttp2 is
 * still reading from it: after some hundred short TLS connections, or one that idled for minutes,
 * the process dies of an assertion or of SIGSEGV. Closing every session a tick later, when nghttp2
 * has returned, is the cure. Import this before whatever uses `node:http2`.
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
    // A session that is closing already would forget about the callback.
    if (callback !== undefined) session.once("close", callback);
    process.nextTick(close);
  };
  session.destroy = (...args) => process.nextTick(() => destroy(...args));
  return session;
}

/**
 * Tells a client of a GOAWAY in a turn of the event loop of its own.
 *
 * A server that goes away just now may send it right behind its settings, and Deno tells of both before
 * any promise goes on. But only then does grpc-js begin to listen for the end of a connection that its
 * settings have made ready: it would take it for ready for ever, and start each call on it anew, without
 * a pause, until there is no memory left.
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

// Not by plain assignment: the types hold that a module's members never change.
Object.assign(http2, {
  createServer: (...args: Parameters<typeof createServer>) => guardSessions(createServer(...args)),
  createSecureServer: (...args: Parameters<typeof createSecureServer>) =>
    guardSessions(createSecureServer(...args)),
  connect: (...args: Parameters<typeof connect>) => goAwayLater(closeLater(connect(...args))),
});
