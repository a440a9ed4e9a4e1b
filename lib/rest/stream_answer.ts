import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { pullStream } from "../async/pull_stream.ts";
import type { CallContext } from "../service/job_service.ts";
import { withHeartbeat } from "./heartbeat.ts";
import type { LogAnswerOptions } from "./log_answer.ts";
import { problemOf } from "./problem.ts";
import { EVENTS_TYPE, LINES_TYPE } from "./request.ts";
import type { RestEnv } from "./rest_env.ts";
import { whileKnown } from "./session_auth.ts";

/** What a stream of the service is asked for, and how it is told. */
export interface StreamForm<Item> {
  readonly open: (context: CallContext) => AsyncIterable<Item>;
  /**
   * Whether the first item comes at once, and tells nothing: what is refused then has the status of its error.
   * Otherwise the answer begins before there is an item.
   */
  readonly opensWithNothing: boolean;
  /** What an item says, each as a line of JSON. */
  readonly lines: (item: Item) => readonly object[];
  /** What to continue from after an item; `""` for nothing. */
  readonly id: (item: Item) => string;
  /** The form for those who ask for none. */
  readonly defaultType: typeof EVENTS_TYPE | typeof LINES_TYPE;
}

/**
 * Answers with a stream, as lines of JSON or as server-sent events. It is read no faster than the client reads, and
 * left when the client leaves.
 */
export async function streamAnswer<Item>(
  c: Context<RestEnv>,
  form: StreamForm<Item>,
  options: LogAnswerOptions,
): Promise<Response> {
  const left = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
  const items = itemsOf(form.open({ caller: c.var.caller, signal }));
  const close = async () => {
    left.abort();
    await items.return();
  };
  if (form.opensWithNothing) await items.next();
  const type = accepts(c, {
    header: "Accept",
    supports: [LINES_TYPE, EVENTS_TYPE],
    default: form.defaultType,
  });
  const pieces = type === EVENTS_TYPE
    ? asEvents(items, form, options)
    : asLines(items, form, options);
  // Hono drops the body of such an answer without cancelling it.
  if (c.req.method === "HEAD") await close();
  return new Response(pullStream(encoded(whileKnown(c, pieces, close)), { onCancel: close }), {
    headers: {
      "Content-Type": type,
      // Proxies such as nginx would buffer what is to be seen live.
      "X-Accel-Buffering": "no",
    },
  });
}

/** The items, as a generator that can be closed. */
async function* itemsOf<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item, void, undefined> {
  yield* items;
}

async function* encoded(
  pieces: AsyncIterable<string>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const encoder = new TextEncoder();
  for await (const piece of pieces) yield encoder.encode(piece);
}

/** An empty line during silences, to notice a client that has vanished. An error is the last line. */
async function* asLines<Item>(
  items: AsyncIterable<Item>,
  { lines }: StreamForm<Item>,
  { heartbeatMs, known }: LogAnswerOptions,
): AsyncGenerator<string, void, undefined> {
  try {
    for await (const item of withHeartbeat(items, heartbeatMs)) {
      if (item === null) yield "\n";
      else {
        const text = lines(item).map((line) => `${JSON.stringify(line)}\n`).join("");
        if (text !== "") yield text;
      }
    }
  } catch (error) {
    yield `${JSON.stringify({ error: problemOf(known(error)) })}\n`;
  }
}

/**
 * An event for each item, so that nobody who continues from its id has had a part of the next one. The last event is
 * `end` or `problem`. Comments are sent at the beginning, and during silences.
 */
async function* asEvents<Item>(
  items: AsyncIterable<Item>,
  { lines, id }: StreamForm<Item>,
  { heartbeatMs, known }: LogAnswerOptions,
): AsyncGenerator<string, void, undefined> {
  yield ":\n\n";
  try {
    for await (const item of withHeartbeat(items, heartbeatMs)) {
      if (item === null) yield ":\n\n";
      else {
        const place = id(item);
        const fields = [
          ...(place === "" ? [] : [`id: ${place}\n`]),
          ...lines(item).map((line) => `data: ${JSON.stringify(line)}\n`),
        ];
        if (fields.length > 0) yield `${fields.join("")}\n`;
      }
    }
    yield "event: end\ndata: {}\n\n";
  } catch (error) {
    yield `event: problem\ndata: ${JSON.stringify(problemOf(known(error)))}\n\n`;
  }
}
