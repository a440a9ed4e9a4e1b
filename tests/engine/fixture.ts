/**
 * An engine in this process over a real Unix socket, in front of a service that the test makes up.
 *
 * @module
 */

import { EngineClient } from "../../lib/engine/client.ts";
import { GREETING } from "../../lib/engine/messages.ts";
import { EngineServer } from "../../lib/engine/server.ts";
import { writeFully } from "../../lib/files/flush.ts";
import { FrameConnection } from "../../lib/net/frame_connection.ts";
import { concat, encodeFrame } from "../../lib/net/frames.ts";
import type { CallContext, Caller, JobService } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { JOB } from "../grpc/fixture.ts";
import { fakeService } from "../service/samples.ts";

export const CALLER: Caller = {
  identity: { user: "ünï", roles: ["operator", "viewer"] },
  fingerprint: "ab".repeat(32),
  peer: "[::1]:4711",
};

/** Asks for the whole log of a job, and what comes. */
export const LOGS = {
  jobId: JOB.jobId,
  streams: [],
  follow: true,
  start: { kind: "offset", offset: 0 },
} as const;

/** The surroundings of a call that nobody ends early, unless a signal is given. */
export function context(
  signal: AbortSignal = new AbortController().signal,
  user: string = CALLER.identity.user,
): CallContext {
  return { caller: { ...CALLER, identity: { ...CALLER.identity, user } }, signal };
}

/** Options of {@linkcode TestEngine.start}. */
interface TestEngineOptions {
  readonly maxCalls?: number;
  readonly maxCallsPerUser?: number;
  /** How many connections the client may have. */
  readonly maxConnections?: number;
}

export class TestEngine implements AsyncDisposable {
  readonly path: string;
  readonly client: EngineClient;
  /** What the engine called a fault of ours. */
  readonly faults: { error: unknown; method: string }[];
  readonly #server: EngineServer;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    parts: Pick<TestEngine, "path" | "client" | "faults">,
    server: EngineServer,
    resources: AsyncDisposableStack,
  ) {
    this.path = parts.path;
    this.client = parts.client;
    this.faults = parts.faults;
    this.#server = server;
    this.#resources = resources;
  }

  static async start(
    methods: Partial<JobService>,
    { maxConnections = 4096, ...options }: TestEngineOptions = {},
  ): Promise<TestEngine> {
    const directory = await Deno.makeTempDir({ prefix: "job-worker-engine-" });
    const path = `${directory}/engine.sock`;
    const faults: TestEngine["faults"] = [];
    const resources = new AsyncDisposableStack();
    resources.defer(() => Deno.remove(directory, { recursive: true }));
    const server = resources.use(
      await EngineServer.listen(fakeService(methods), {
        ...options,
        path,
        onFault: (error, method) => faults.push({ error, method }),
      }),
    );
    const client = resources.use(new EngineClient(path, { maxConnections }));
    return new TestEngine({ path, client, faults }, server, resources);
  }

  /** See `EngineServer.restoreSocket()`. */
  restoreSocket(): Promise<boolean> {
    return this.#server.restoreSocket();
  }

  /** Shuts the engine down, as the daemon does. */
  async close(): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  /** Sends what no gateway of ours would, after the greeting of one, and reads no answer. */
  async send(bytes: Uint8Array<ArrayBuffer>): Promise<Deno.UnixConn> {
    const connection = await Deno.connect({ transport: "unix", path: this.path });
    await writeFully(connection, concat([encodeFrame(GREETING), bytes]));
    return connection;
  }

  /** What is answered to such a message. The connection ends after it if `next` is `null`. */
  async answers(bytes: Uint8Array<ArrayBuffer>): Promise<{ answer: unknown; next: unknown }> {
    using connection = new FrameConnection(await this.send(bytes));
    assert.deepEqual((await connection.receive())?.head, GREETING);
    const answer = (await connection.receive())?.head ?? null;
    void connection.send({});
    return { answer, next: (await connection.receive())?.head ?? null };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}
