/**
 * The way from an agent to its engine: frames on a Unix socket, with nothing in them but the bytes of calls. So an
 * agent can say nothing as anybody; the door behind the socket judges by what is in those bytes.
 *
 * Calls are `{ id, method }` and their bytes, answered by `{ id }` and theirs. `{ cancel: id }` says that nobody
 * waits for an answer any more; `{ id, refusal }`, that there are too many calls.
 *
 * @module
 */

import { FrameConnection } from "../net/frame_connection.ts";
import * as z from "../text/zod.ts";
import { MAX_MESSAGE_BYTES } from "./sealed_message.ts";

/** Answers what a hub has sent to a host. */
export interface Door {
  /** Never rejects: refusals are answers, too. */
  answer(
    method: string,
    bytes: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>>;
}

/** How many calls may be open at once: each may hold a page, and most of them wait for something. */
const MAX_CALLS = 2_048;

/** A message of the bus, and who asks. */
const MAX_FRAME_BYTES = MAX_MESSAGE_BYTES + 1024;

/** What those that are open may take together, in bytes. */
const MAX_BYTES = 64 * 1024 * 1024;

/** From an agent. */
const messageSchema = z.union([
  z.strictObject({ id: z.number(), method: z.string().max(64) }),
  z.strictObject({ cancel: z.number() }),
]);

/**
 * Answers the calls of an agent until the connection ends, and then cancels those that are open.
 *
 * @throws if the agent says what no agent says
 */
export async function serveDoor(connection: Deno.Conn, door: Door): Promise<void> {
  using frames = new FrameConnection(connection, MAX_FRAME_BYTES);
  const calls = new Map<number, AbortController>();
  const open = new Set<Promise<void>>();
  let held = 0;
  const answer = async (id: number, method: string, bytes: Uint8Array<ArrayBuffer>) => {
    const call = new AbortController();
    calls.set(id, call);
    held += bytes.byteLength;
    try {
      const answered = await door.answer(method, bytes, call.signal);
      if (!call.signal.aborted) await frames.send({ id }, [answered]);
    } finally {
      held -= bytes.byteLength;
      calls.delete(id);
    }
  };
  try {
    for await (const { head, bytes } of frames.frames()) {
      const message = messageSchema.parse(head);
      if ("cancel" in message) {
        calls.get(message.cancel)?.abort(new Error("The hub does not wait any more"));
        continue;
      }
      const { id, method } = message;
      if (calls.size >= MAX_CALLS || held + bytes.byteLength > MAX_BYTES) {
        await frames.send({ id, refusal: "too many calls at once" });
        continue;
      }
      const answered = answer(id, method, bytes).finally(() => open.delete(answered));
      open.add(answered);
    }
  } finally {
    for (const call of calls.values()) call.abort(new Error("The agent is gone"));
    await Promise.all(open);
  }
}

/** From an engine. It is trusted; the schema only provides the types. */
const answerSchema = z.object({ id: z.number(), refusal: z.string().exactOptional() });

/** An answer of a door, or why it has not even looked at the call. */
export type DoorAnswer =
  | { readonly kind: "answer"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "refusal"; readonly why: string };

/** The agent's side. */
export class DoorClient implements Disposable {
  readonly #frames: FrameConnection;
  readonly #waiting = new Map<number, PromiseWithResolvers<DoorAnswer | null>>();
  #calls = 0;
  /** Settles when the connection has ended. */
  readonly ended: Promise<void>;

  constructor(connection: Deno.Conn) {
    this.#frames = new FrameConnection(connection, MAX_FRAME_BYTES);
    this.ended = this.#read();
  }

  /** @returns `null` if the signal was aborted, or the engine is gone, before there was an answer */
  async call(
    method: string,
    bytes: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<DoorAnswer | null> {
    if (signal.aborted) return null;
    const id = ++this.#calls;
    const waiting = Promise.withResolvers<DoorAnswer | null>();
    this.#waiting.set(id, waiting);
    const onAbort = () => {
      void this.#frames.send({ cancel: id });
      waiting.resolve(null);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      void this.#frames.send({ id, method }, [bytes]);
      return await waiting.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#waiting.delete(id);
    }
  }

  [Symbol.dispose](): void {
    this.#frames[Symbol.dispose]();
  }

  async #read(): Promise<void> {
    for await (const { head, bytes } of this.#frames.frames()) {
      const { id, refusal } = answerSchema.parse(head);
      this.#waiting.get(id)?.resolve(
        refusal === undefined ? { kind: "answer", bytes } : { kind: "refusal", why: refusal },
      );
    }
    for (const { resolve } of this.#waiting.values()) resolve(null);
  }
}
