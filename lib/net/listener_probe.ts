/**
 * Checks whether a listener of this process works. One that has run out of file descriptors never accepts a
 * connection again, and does not report that.
 *
 * Other processes may share its port (SO_REUSEPORT in socket(7)), and the kernel distributes connections among
 * all of them. So what counts is not whether a connection is answered, but whether it arrives here.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { connect, type Server, type Socket } from "node:net";
import * as tls from "node:tls";
import { doubling } from "../async/doubling.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { formatHostPort, type HostPort, LOOPBACK } from "./host_port.ts";

/** The usual time limits for one of our connections to arrive, and to be answered. */
const REACH_WITHIN_MS = 2000;
const ANSWER_WITHIN_MS = 5000;
/** How long to wait for one round of connections before the next, and how many a round has at most. */
const ROUND_MS = 100;
const MAX_AT_ONCE = 32;

/** Checks one listener from time to time. */
export class ListenerProbe {
  readonly #server: Server;
  readonly #slowness: number;
  /** The number of connections so far, and at the last check. */
  #arrivals = 0;
  #arrivalsSeen = 0;
  /** The number of connections that are open. */
  #open = 0;

  /** @param slowness see {@linkcode ProbeOptions} */
  constructor(server: Server, slowness = 1) {
    this.#server = server;
    this.#slowness = slowness;
    server.prependListener("connection", (socket: Socket) => {
      this.#arrivals++;
      this.#open++;
      socket.once("close", () => this.#open--);
    });
  }

  /** How many connections are open, ours included. */
  get open(): number {
    return this.#open;
  }

  /**
   * Checks that connections still arrive. One that has arrived since the last check is proof enough, so that a crowd
   * that leaves ours no room is not taken for the end of the listener.
   *
   * @throws {JobWorkerError} as {@linkcode probeListener} does
   */
  async check(address: HostPort): Promise<void> {
    if (this.#arrivals === this.#arrivalsSeen || !this.#server.listening) await this.use(address);
    this.#arrivalsSeen = this.#arrivals;
  }

  /** Does {@linkcode probeListener}. */
  async use(address: HostPort, use?: ProbeOptions["use"]): Promise<void> {
    const slowness = this.#slowness;
    await probeListener(this.#server, address, { slowness, ...(use && { use }) });
    this.#arrivalsSeen = this.#arrivals;
  }
}

/** Options of {@linkcode probeListener}. */
export interface ProbeOptions {
  /** What to do with the connection. */
  readonly use?: (connection: Socket) => Promise<void>;
  /** By what to multiply the usual time limits: more than 1 on a slow machine. */
  readonly slowness?: number;
}

/**
 * Connects to the address until a connection has arrived at this very listener, lets it be used, and closes it.
 *
 * @throws {JobWorkerError} `deadline_exceeded` if none arrives or is answered in time; `failed_precondition` if
 * anything else is wrong
 */
export async function probeListener(
  server: Server,
  address: HostPort,
  { use = async () => {}, slowness = 1 }: ProbeOptions = {},
): Promise<void> {
  const withinMs = REACH_WITHIN_MS * slowness;
  /** The listener's ends of connections, by the addresses of the other ends. */
  const arrived = new Map<string, Socket>();
  let onArrival = () => {};
  const onConnection = (socket: Socket) => {
    arrived.set(formatHostPort(socket.remoteAddress, socket.remotePort), socket);
    onArrival();
  };
  // Before other handlers, one of which may end it at once because there are too many.
  server.prependListener("connection", onConnection);
  const deadline = performance.now() + withinMs;
  const late = tooLate(`no connection arrives within ${withinMs} ms`);
  try {
    const nextCount = doubling({ first: 1, last: MAX_AT_ONCE });
    while (performance.now() < deadline) {
      const sockets = await openAll(address, nextCount(), {
        timeoutMs: deadline - performance.now(),
        late,
      });
      const own = () => sockets.filter((socket) => arrived.has(nameOf(socket)));
      const round = Promise.withResolvers<void>();
      onArrival = () => own().length > 0 && round.resolve();
      onArrival();
      const timer = setTimeout(round.resolve, ROUND_MS);
      await round.promise;
      clearTimeout(timer);
      const ours = own();
      const theirEnds = ours.map((socket) => arrived.get(nameOf(socket)));
      // Where few are allowed, some have been dropped for others of ours, the oldest first.
      const living = ours.findLast((_, at) => theirEnds[at]?.destroyed === false) ?? ours[0];
      try {
        if (living !== undefined) return await use(living);
      } finally {
        // Both ends, because they count among the connections that the listener may have.
        await Promise.all([...sockets, ...theirEnds].map((socket) => socket && closed(socket)));
      }
    }
    throw late;
  } catch (error) {
    throw cannotServe(address, error);
  } finally {
    server.off("connection", onConnection);
  }
}

/**
 * Does the handshake of a TLS client without a certificate over a connection to the listener.
 *
 * @param certificate what the listener must show, as PEM
 * @param slowness as in {@linkcode ProbeOptions}
 * @throws if it shows anything else
 */
export async function checkCertificate(
  connection: Socket,
  certificate: string,
  slowness = 1,
): Promise<void> {
  // No CA is needed, because below we demand that very certificate. Nothing is sent.
  const socket = tls.connect({
    socket: connection,
    ALPNProtocols: ["h2", "http/1.1"],
    rejectUnauthorized: false,
  });
  const shown = Promise.withResolvers<string | undefined>();
  const withinMs = ANSWER_WITHIN_MS * slowness;
  const late = tooLate(`no answer within ${withinMs} ms`);
  const timer = setTimeout(() => socket.destroy(late), withinMs);
  socket.once(
    "secureConnect",
    () => shown.resolve(socket.getPeerX509Certificate()?.fingerprint256),
  );
  socket.on("error", shown.reject);
  try {
    if (await shown.promise !== new X509Certificate(certificate).fingerprint256) {
      throw new Error("it shows another one");
    }
  } catch (error) {
    if (error === late) throw late;
    throw new Error(`it does not answer with our certificate (${messageOf(error)})`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    await closed(socket);
  }
}

/** Opens this many connections, or none. */
async function openAll(
  { hostname, port }: HostPort,
  count: number,
  { timeoutMs, late }: { readonly timeoutMs: number; readonly late: Error },
): Promise<Socket[]> {
  const host = LOOPBACK[hostname] ?? hostname;
  const sockets = Array.from({ length: count }, () => connect({ host, port }));
  // It would take minutes if nobody accepts and the queue is full.
  const timer = setTimeout(() => sockets.forEach((socket) => socket.destroy(late)), timeoutMs);
  const opened = sockets.map((socket) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once("connect", resolve);
    // The listener may end it, which does not matter once it has arrived.
    socket.on("error", reject);
    return promise;
  });
  const failure = (await Promise.allSettled(opened)).find(({ status }) => status === "rejected");
  clearTimeout(timer);
  if (failure?.status !== "rejected") return sockets;
  await Promise.all(sockets.map(closed));
  throw failure.reason;
}

async function closed(socket: Socket): Promise<void> {
  if (socket.closed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once("close", () => resolve());
  socket.destroy();
  await promise;
}

function nameOf({ localAddress, localPort }: Socket): string {
  return formatHostPort(localAddress, localPort);
}

function tooLate(why: string): JobWorkerError {
  return new JobWorkerError("deadline_exceeded", why);
}

function cannotServe({ hostname, port }: HostPort, cause: unknown): JobWorkerError {
  const message = `Cannot serve on ${formatHostPort(hostname, port)}: ${messageOf(cause)}`;
  const code = cause instanceof JobWorkerError ? cause.code : "failed_precondition";
  return new JobWorkerError(code, message, { cause });
}
