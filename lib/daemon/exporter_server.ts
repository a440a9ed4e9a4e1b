import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { shareCall } from "../async/share_call.ts";
import { CONTENT_TYPE } from "../metrics/exposition.ts";
import { bind } from "../net/bind.ts";
import { cannotListen } from "../net/free_port.ts";
import type { HostPort } from "../net/host_port.ts";
import { ExporterConnections } from "./exporter_connections.ts";

/** Whoever asks has proven nothing, so little is given to them: a Prometheus keeps one connection. */
const MAX_CONNECTIONS = 32;

/** How long somebody may take to ask, and to have the answer. */
const REQUEST_WITHIN_MS = 10_000;
const ANSWER_WITHIN_MS = 30_000;
/** How long a connection may wait for the next question: longer than a Prometheus usually does. */
const IDLE_WITHIN_MS = 120_000;

const MAX_HEADER_BYTES = 8 * 1024;

/** Serves metrics at `/metrics`, over HTTP and to everybody. */
export class ExporterServer implements AsyncDisposable {
  /** Where it listens. */
  readonly address: HostPort;
  readonly #server: Server;

  private constructor(server: Server, address: HostPort) {
    this.#server = server;
    this.address = address;
  }

  /**
   * @param scrape the text; whoever asks while it is being made gets the same
   * @throws {JobWorkerError} see {@linkcode cannotListen}
   */
  static async listen(address: HostPort, scrape: () => Promise<string>): Promise<ExporterServer> {
    const shared = shareCall(scrape);
    const server = createServer({
      headersTimeout: REQUEST_WITHIN_MS,
      requestTimeout: REQUEST_WITHIN_MS,
      keepAliveTimeout: IDLE_WITHIN_MS,
      connectionsCheckingInterval: REQUEST_WITHIN_MS / 2,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    const connections = new ExporterConnections({
      max: MAX_CONNECTIONS,
      answerWithinMs: ANSWER_WITHIN_MS,
    });
    server.on("connection", (socket) => connections.take(socket));
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request;
      // Whoever asks on without reading would have us keep every answer.
      if (!connections.asks(socket)) return void socket.destroy();
      response.once("finish", () => connections.answered(socket));
      void answer(request, response, shared);
    });
    try {
      return new ExporterServer(server, await bind(server, address));
    } catch (error) {
      throw cannotListen(address, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = Promise.withResolvers<void>();
    this.#server.close(() => closed.resolve());
    this.#server.closeAllConnections();
    await closed.promise;
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  scrape: () => Promise<string>,
): Promise<void> {
  const say = (status: number, text: string, type = "text/plain; charset=utf-8") => {
    response.writeHead(status, { "content-type": type, "x-content-type-options": "nosniff" });
    response.end(request.method === "HEAD" ? undefined : text);
  };
  // Nobody has anything to tell us.
  request.resume();
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return say(405, "Only GET and HEAD\n");
  }
  if (request.url?.replace(/\?.*/, "") !== "/metrics") return say(404, "See /metrics\n");
  try {
    say(200, await scrape(), CONTENT_TYPE);
  } catch {
    say(503, "The daemon is shutting down\n");
  }
}
