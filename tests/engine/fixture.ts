/**
 * An engine in this process over a real Unix socket, in front of a service that the test makes up.
 *
 * @module
 */

import { ENGINE_HOST, EngineClient } from "../../lib/engine/client.ts";
import { EngineServer } from "../../lib/engine/server.ts";
import type { CallContext, Caller, JobService } from "../../lib/service/job_service.ts";
import { fakeService } from "../service/samples.ts";

export const CALLER: Caller = {
  identity: { user: "ünï", roles: ["operator", "viewer"] },
  fingerprint: "ab".repeat(32),
  peer: "[::1]:4711",
};

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
    options: TestEngineOptions = {},
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
    const client = resources.use(new EngineClient(path));
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

  /** Sends what no gateway of ours would. */
  async post(path: string, body: BodyInit | null, method = "POST"): Promise<Answer> {
    using http = Deno.createHttpClient({ proxy: { transport: "unix", path: this.path } });
    const response = await fetch(`http://${ENGINE_HOST}/${path}`, { client: http, method, body });
    return { status: response.status, text: await response.text() };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
}
