/**
 * Connects `node:http` to an application that turns a `Request` into a `Response`, with back-pressure both
 * ways: no more is read than is asked for, and no more is made than is taken.
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

/** What a request is answered by. */
export type Answer = (request: Request) => Response | Promise<Response>;

/**
 * Answers one request. Never rejects: whoever would be told has gone.
 *
 * @param signal aborted when the client has left or the answer is not to be gone on with
 */
export async function bridge(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answer: Answer,
  signal: AbortSignal,
): Promise<void> {
  // "close" follows, and that is what counts.
  incoming.on("error", () => {});
  outgoing.on("error", () => {});
  const request = requestOf(incoming, outgoing, signal);
  if (!(request instanceof Request)) {
    outgoing.writeHead(request, { Connection: "close" }).end();
    return;
  }
  try {
    const response = await answer(request);
    // What a client still sends to an answer that did not want it would have to be read first.
    if (!incoming.complete) outgoing.setHeader("Connection", "close");
    for (const [name, value] of response.headers) outgoing.appendHeader(name, value);
    outgoing.writeHead(response.status);
    if (response.body !== null) await send(response.body, outgoing);
    outgoing.end();
  } catch {
    // Cut off behind what was written, so that nobody takes it for whole.
    incoming.socket.destroySoon();
  }
}

/** Of the head of a request. */
const MAX_FIELDS = 100;

/** The request, or the status that refuses one that is too large or has no meaning here. */
function requestOf(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  signal: AbortSignal,
): Request | 400 | 431 {
  const { method = "", url = "", rawHeaders } = incoming;
  // Deno's parser bounds the bytes of a head; of the fields it leaves out those beyond a thousand.
  if (rawHeaders.length > 2 * MAX_FIELDS) return 431;
  // Only paths: not the forms of RFC 9112 §3.2 that are for proxies and for whole servers.
  if (!url.startsWith("/")) return 400;
  // Those which Fetch lets nobody ask with, https://fetch.spec.whatwg.org/#forbidden-method.
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
    // It is for the application to say which methods a path has.
    return isForbidden ? Object.defineProperty(request, "method", { value: method }) : request;
  } catch {
    return 400;
  }
}

/** The body, which a client that waits for 100 Continue is asked for when somebody reads it. */
async function* chunksOf(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  if (incoming.headers.expect?.toLowerCase() === "100-continue") outgoing.writeContinue();
  try {
    for await (const chunk of incoming) yield new Uint8Array(chunk);
  } catch (cause) {
    throw new JobWorkerError("cancelled", "The request breaks off", { cause });
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
    // Ends the wait for what would come next.
    reader.cancel().catch(() => {});
  };
  outgoing.once("close", onClose);
  // It may have been before there was an answer.
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
