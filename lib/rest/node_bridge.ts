/**
 * Connects `node:http` to an application that turns a `Request` into a `Response`, with back-pressure in both
 * directions: nothing is read before it is asked for, and nothing is produced before there is room for it.
 *
 * `@hono/node-server` 2.1.9 does not do: it never sends 100 Continue, accepts any number of header fields and
 * targets that are no path, takes no signal of ours, and reports a request that breaks off as a fault of ours.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { once } from "node:events";
import { pullStream } from "../async/pull_stream.ts";
import { JobWorkerError } from "../errors.ts";

/** The application: it answers a request. */
export type Answer = (request: Request) => Response | Promise<Response>;

/**
 * Answers one request. Never rejects, because a client that could be told has gone.
 *
 * @param signal aborted when the client has left or the answer is to be given up
 */
export async function bridge(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answer: Answer,
  signal: AbortSignal,
): Promise<void> {
  // "close" follows, and is handled.
  incoming.on("error", () => {});
  outgoing.on("error", () => {});
  const request = requestOf(incoming, outgoing, signal);
  if (!(request instanceof Request)) {
    outgoing.writeHead(request, { Connection: "close" }).end();
    return;
  }
  try {
    const response = await answer(request);
    // Otherwise the unread rest of the request would have to be read before the next one.
    if (!incoming.complete) outgoing.setHeader("Connection", "close");
    for (const [name, value] of response.headers) outgoing.appendHeader(name, value);
    outgoing.writeHead(response.status);
    if (response.body !== null) await send(response.body, outgoing);
    outgoing.end();
  } catch {
    // Cut off after what was written, so that nobody takes the answer for complete.
    incoming.socket.destroySoon();
  }
}

/** The most fields in the head of a request. */
const MAX_FIELDS = 100;

/** The request, or the status to refuse it with if it is too large or makes no sense here. */
function requestOf(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  signal: AbortSignal,
): Request | 400 | 431 {
  const { method = "", url = "", rawHeaders } = incoming;
  // Deno's parser limits the bytes of a head, but silently drops fields after the thousandth.
  if (rawHeaders.length > 2 * MAX_FIELDS) return 431;
  // Only paths, not the forms of RFC 9112 §3.2 that are for proxies and for whole servers.
  if (!url.startsWith("/")) return 400;
  // The methods that Fetch forbids, https://fetch.spec.whatwg.org/#forbidden-method.
  const isForbidden = /^(TRACE|TRACK|CONNECT)$/.test(method);
  const hasBody = method !== "GET" && method !== "HEAD";
  try {
    const headers = new Headers();
    for (let at = 0; at < rawHeaders.length; at += 2) {
      headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
    }
    const request = new Request(`https://localhost${url}`, {
      method: isForbidden ? "OPTIONS" : method,
      headers,
      signal,
      body: hasBody ? pullStream(chunksOf(incoming, outgoing)) : null,
    });
    // The application decides which methods a path has.
    return isForbidden ? Object.defineProperty(request, "method", { value: method }) : request;
  } catch {
    return 400;
  }
}

/** The body. A client that waits for 100 Continue gets that when somebody starts to read. */
async function* chunksOf(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  if (incoming.headers.expect?.toLowerCase() === "100-continue") outgoing.writeContinue();
  try {
    for await (const chunk of incoming) yield new Uint8Array(chunk);
  } catch (cause) {
    throw new JobWorkerError("cancelled", "The request was cut off", { cause });
  }
}

async function send(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  outgoing: ServerResponse,
): Promise<void> {
  const closed = new AbortController();
  const reader = body.getReader();
  const onClose = () => {
    closed.abort();
    // Ends the wait for the next piece.
    reader.cancel().catch(() => {});
  };
  outgoing.once("close", onClose);
  // The client may have left before there was an answer.
  if (outgoing.destroyed) onClose();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (!outgoing.write(value)) await once(outgoing, "drain", { signal: closed.signal });
    }
  } finally {
    outgoing.off("close", onClose);
  }
}
