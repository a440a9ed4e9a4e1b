/**
 * The REST API in front of a service that the test makes up, with and without a network.
 *
 * @module
 */

import { once } from "node:events";
import * as tls from "node:tls";
import type { Identity } from "../../lib/auth/identity.ts";
import type { Login } from "../../lib/auth/password_login.ts";
import { restApp, type RestAppOptions } from "../../lib/rest/app.ts";
import { hostsOf, RestServer, type RestServerOptions } from "../../lib/rest/server.ts";
import type { JobService } from "../../lib/service/job_service.ts";
import type { Job, LogBatch, LogRecord } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import type { TestCertificates } from "../certificates.ts";
import { job } from "../executor/job_fixture.ts";
import { fakeService } from "../service/samples.ts";

export const JOB_ID = "01890a5d-ac96-774b-bcce-b302099a8057";

export const JOB: Job = job({
  jobId: JOB_ID,
  command: { name: "sh", args: ["-c", "exit 3"], env: { A: "ä" }, workingDirectory: "/tmp" },
  pid: 4711,
  labels: { team: "blue" },
  startedAt: 1_700_000_000_123,
  stdoutBytes: 5,
  stderrBytes: 7,
  logLimit: { bytes: 1024 * 1024, policy: "keep_newest" },
  logBytes: 40,
});

export const DONE_JOB: Job = {
  ...JOB,
  end: { status: "done", reason: "exited", exitStatus: { code: 0 }, finishedAt: 1_700_000_001_999 },
};

/** One record with these bytes that begins at an offset. */
export function recordOf(
  offset: number,
  text: string | readonly number[],
  stream: LogRecord["stream"] = "stdout",
): LogRecord {
  const data = typeof text === "string" ? new TextEncoder().encode(text) : Uint8Array.from(text);
  return { offset, time: 1_700_000_000_000, stream, data };
}

export function batchOf(records: readonly LogRecord[], finishedJob: Job | null = null): LogBatch {
  const last = records.at(-1);
  const nextOffset = last === undefined ? 0 : last.offset + last.data.byteLength;
  return { records, nextOffset, finishedJob };
}

/** The user that every test of the application is, by the password "secret". */
export const ALICE: Identity = { user: "alice", roles: ["operator"] };

export function basic(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${bytes.toBase64()}`;
}

/** A login that knows Alice. */
export const fakeLogin = {
  login: ({ user, password }: { user: string; password: string }): Promise<Login> =>
    Promise.resolve(
      user === ALICE.user && password === "secret"
        ? { kind: "accepted", identity: ALICE }
        : { kind: "refused" },
    ),
};

/** The application, and what it has told of. */
export class TestApp {
  readonly faults: unknown[] = [];
  readonly failedLogins: string[] = [];
  /** How many answers were said to be open-ended. */
  openEnded = 0;
  /** What was said behind the bodies of answers. */
  readonly trailers: string[] = [];
  readonly app: ReturnType<typeof restApp>;

  constructor(
    methods: Partial<JobService> = {},
    options: Partial<RestAppOptions> = {},
    login = fakeLogin,
  ) {
    this.app = restApp(fakeService(methods), login, {
      isOurHost: (host) => host === "worker.test",
      publicOrigins: [],
      onFailedLogin: ({ user, peer }) => this.failedLogins.push(`${user} ${peer}`),
      onFault: (error) => this.faults.push(error),
      ...options,
    });
  }

  /** A request as Alice, without a network. */
  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers({ Host: "worker.test", Authorization: basic("alice", "secret") });
    for (const [name, value] of new Headers(init.headers)) headers.set(name, value);
    return await this.app.request(path, { ...init, headers }, {
      address: "192.0.2.7",
      peer: "192.0.2.7:5000",
      openEnded: () => this.openEnded++,
      authenticated: () => {},
      addTrailer: (name, value) => this.trailers.push(`${name}: ${value}`),
    });
  }

  async post(path: string, body: unknown, headers: HeadersInit = {}): Promise<Response> {
    return await this.request(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  }
}

/** The application behind a real listener. */
export class TestRest implements AsyncDisposable {
  readonly server: RestServer;
  readonly api: TestApp;
  readonly refusals: string[];

  private constructor(server: RestServer, api: TestApp, refusals: string[]) {
    this.server = server;
    this.api = api;
    this.refusals = refusals;
  }

  static async listen(
    certificates: TestCertificates,
    methods: Partial<JobService> = {},
    options: Partial<RestServerOptions & RestAppOptions> = {},
  ): Promise<TestRest> {
    const material = await certificates.material("server");
    const api = new TestApp(methods, { isOurHost: hostsOf(material.cert), ...options });
    const refusals: string[] = [];
    const server = await RestServer.listen({
      hostname: "127.0.0.1",
      port: 0,
      material,
      answer: api.app.fetch,
      onRefused: ({ message }) => refusals.push(message),
      onError: (error) => {
        throw error;
      },
      ...options,
    });
    return new TestRest(server, api, refusals);
  }

  get port(): number {
    return this.server.address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    assert.deepEqual(this.api.faults, []);
  }
}

/** A TLS connection on which a test writes HTTP by hand. */
export class RawConnection implements AsyncDisposable {
  readonly socket: tls.TLSSocket;
  readonly closed: Promise<unknown>;
  #text = "";
  #changed = Promise.withResolvers<void>();

  private constructor(socket: tls.TLSSocket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      this.#text += bytes;
      this.#tell();
    });
    this.closed = new Promise<void>((resolve) =>
      socket.once("close", () => {
        this.#tell();
        resolve();
      })
    );
  }

  static async open(port: number, options: tls.ConnectionOptions = {}): Promise<RawConnection> {
    const socket = tls.connect({ host: "127.0.0.1", port, ...options });
    await once(socket, "secureConnect");
    return new RawConnection(socket);
  }

  /** What has come so far. */
  get text(): string {
    return this.#text;
  }

  /** Waits for a pattern; fails if the connection is closed without it. */
  async seen(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const changed = this.#changed.promise;
      const found = pattern.exec(this.#text);
      if (found !== null) return found;
      assert.equal(this.socket.closed, false, `Never saw ${pattern}: ${this.#text}`);
      await changed;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  #tell(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }
}
