import { errors, headers, type Msg, type NatsConnection } from "@nats-io/nats-core";
import { delay } from "../async/delay.ts";
import type { DoorClient } from "./door_socket.ts";
import { bytesOf } from "./nats_connection.ts";
import { beatSubject, CANCEL, hostSubjects, lastToken, LEAVING, parentOf } from "./subjects.ts";

/** How often an agent says that it is there. */
export const BEAT_EVERY_MS = 5_000;

/** How many hubs are remembered that have called. */
const MAX_HUBS = 64;

/** The status of an answer that is not one of the host, as in HTTP: too many requests. */
const TOO_MANY = 429;

/** Options of {@linkcode serveHost}. */
export interface AgentOptions {
  readonly host: string;
  readonly signal: AbortSignal;
  /** Told when the connection to NATS is lost, and when there is one again. */
  readonly onConnected: (isConnected: boolean) => void;
  /** Told of what the server refuses. */
  readonly onFault: (error: unknown) => void;
}

/**
 * Carries calls from NATS to the engine, and answers back, until the signal is aborted or the engine is gone. It
 * opens none of them, and has nothing to open them with.
 */
export async function serveHost(
  connection: NatsConnection,
  door: Pick<DoorClient, "call" | "ended">,
  options: AgentOptions,
): Promise<void> {
  const { host } = options;
  const ended = new AbortController();
  const calls = new Map<string, AbortController>();
  const open = new Set<Promise<void>>();
  let life = crypto.randomUUID();
  const beat = () => connection.publish(beatSubject(host), life);
  const hubs = new Set<string>();
  /** A hub must know which agent has its call, or it waits in vain for one that has died meanwhile. */
  const greet = (hub: string) => {
    if (hubs.has(hub)) return;
    if (hubs.size >= MAX_HUBS) hubs.clear();
    hubs.add(hub);
    beat();
  };
  const take = (message: Msg) => {
    const method = lastToken(message.subject);
    if (method === CANCEL) {
      calls.get(message.string())?.abort();
      return;
    }
    const { reply } = message;
    // Nobody waits for the answer; or it is the second message with the same reply, and the first is being answered.
    if (!reply || calls.has(reply)) return;
    greet(parentOf(reply));
    const call = new AbortController();
    calls.set(reply, call);
    const answered = answer(door, method, message, call.signal, options).finally(() => {
      calls.delete(reply);
      open.delete(answered);
    });
    open.add(answered);
  };
  // Before anybody can call, and below again, when everybody can.
  beat();
  const subscription = connection.subscribe(hostSubjects(host), {
    callback: (error, message) => {
      if (error === null) take(message);
      else options.onFault(error);
    },
  });
  const stop = () => ended.abort();
  options.signal.addEventListener("abort", stop, { once: true });
  if (options.signal.aborted) stop();
  void door.ended.then(stop);
  const watching = watch(connection, options, () => {
    life = crypto.randomUUID();
    for (const call of calls.values()) call.abort();
    beat();
  });
  try {
    for (;;) {
      beat();
      await delay(BEAT_EVERY_MS, { signal: ended.signal });
    }
  } catch (error) {
    if (!ended.signal.aborted) throw error;
  } finally {
    options.signal.removeEventListener("abort", stop);
    // From now on the server answers that nobody is there, and hubs need not ask before they know.
    subscription.unsubscribe();
    if (!connection.isClosed()) connection.publish(beatSubject(host), LEAVING);
    for (const call of calls.values()) call.abort();
    await Promise.all(open);
    await connection.close();
    await watching;
  }
}

async function answer(
  door: Pick<DoorClient, "call">,
  method: string,
  message: Msg,
  signal: AbortSignal,
  { onFault }: AgentOptions,
): Promise<void> {
  const answered = await door.call(method, bytesOf(message), signal);
  if (answered === null) return;
  try {
    if (answered.kind === "answer") message.respond(answered.bytes);
    else message.respond(new Uint8Array(), { headers: headers(TOO_MANY, answered.why) });
  } catch (error) {
    // It is too large for the server, or the connection is closed; whoever asked waits for its own deadline.
    onFault(error);
  }
}

/** @param renew ends all calls, and has hubs make them again: nobody would take the answers */
async function watch(
  connection: NatsConnection,
  { host, onConnected, onFault }: AgentOptions,
  renew: () => void,
): Promise<void> {
  for await (const status of connection.status()) {
    switch (status.type) {
      case "disconnect":
        onConnected(false);
        break;
      case "reconnect":
        // The server takes an answer only by the connection by which it has brought the call.
        renew();
        onConnected(true);
        break;
      case "error":
        if (isRefusedAnswer(status.error, host)) renew();
        else onFault(status.error);
        break;
    }
  }
}

/** Whether the server does not know of the call any more: it forgets them when it reads its configuration again. */
function isRefusedAnswer(error: Error, host: string): boolean {
  return error instanceof errors.PermissionViolationError && error.operation === "publish" &&
    error.subject !== beatSubject(host);
}
