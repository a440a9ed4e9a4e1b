import { createHmac } from "node:crypto";
import { TestCertificates } from "../certificates.ts";
import { until } from "../worker/fixture.ts";

/** A request that has come to a {@linkcode Receiver}. */
export interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How it answers a request; `at` is how many came before it. */
export type Answer = (received: Received, at: number) => Response | Promise<Response>;

const OK: Answer = () => new Response("thanks");

/** A receiver of webhooks, over HTTPS on a free port of this machine. */
export class Receiver implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(cert: string, key: string, answer: Answer, port: number) {
    const options = { hostname: "127.0.0.1", port, cert, key, onListen: () => {} };
    this.#server = Deno.serve(options, async (request) => {
      const { pathname, search } = new URL(request.url);
      const headers = Object.fromEntries(request.headers);
      const received = { path: pathname + search, headers, body: await request.text() };
      const at = this.received.push(received) - 1;
      return await answer(received, at);
    });
  }

  static async listen(
    certificates: TestCertificates,
    answer: Answer = OK,
    port = 0,
  ): Promise<Receiver> {
    const { cert, key } = certificates.paths("server");
    const [certPem, keyPem] = await Promise.all([cert, key].map((path) => Deno.readTextFile(path)));
    return new Receiver(certPem ?? "", keyPem ?? "", answer, port);
  }

  get port(): number {
    return this.#server.addr.port;
  }

  /** As `URL.host` has it. */
  get host(): string {
    return `localhost:${this.port}`;
  }

  /** Waits until so many requests have come. */
  async has(count: number): Promise<readonly Received[]> {
    await until(() => Promise.resolve(this.received.length >= count));
    return this.received;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Whether a request is signed with a secret, as the Standard Webhooks specification has it. */
export function isSigned({ headers, body }: Received, secret: string): boolean {
  const key = Uint8Array.fromBase64(secret.trim().replace(/^whsec_/, ""));
  const content = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const expected = createHmac("sha256", key).update(content).digest("base64");
  return headers["webhook-signature"]?.split(" ").includes(`v1,${expected}`) === true;
}
