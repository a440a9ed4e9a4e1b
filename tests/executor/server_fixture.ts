import { completeExecution } from "../../lib/job/execution.ts";
import { ExecutorClient, type ExecutorClientOptions } from "../../lib/executor/client.ts";
import { LocalExecutor } from "../../lib/executor/local_executor.ts";
import { OutcomeFiles } from "../../lib/executor/outcome_files.ts";
import type { RemoteJob } from "../../lib/executor/remote_job.ts";
import { ExecutorServer } from "../../lib/executor/server.ts";
import type { LaunchRequest } from "../../lib/executor/executor.ts";
import { LogLibrary } from "../../lib/log/log_library.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

export const SETTINGS = {
  dataDirectory: "/data",
  home: "/",
  cgroups: false,
  newPrivileges: true,
  jobUids: null,
} as const;

/** The server of an executor in this process, on a socket. */
export class TestServer implements AsyncDisposable {
  readonly socket: string;
  readonly logs: string;
  readonly outcomes: OutcomeFiles;
  readonly executor: LocalExecutor;
  readonly server: ExecutorServer;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    directory: string,
    parts: {
      readonly executor: LocalExecutor;
      readonly server: ExecutorServer;
      readonly outcomes: OutcomeFiles;
      readonly resources: AsyncDisposableStack;
    },
  ) {
    this.socket = `${directory}/executor.sock`;
    this.logs = `${directory}/logs`;
    this.executor = parts.executor;
    this.server = parts.server;
    this.outcomes = parts.outcomes;
    this.#resources = parts.resources;
  }

  static async start(): Promise<TestServer> {
    await using resources = new AsyncDisposableStack();
    const { path } = resources.use(await temporaryDirectory());
    const logs = resources.use(await LogLibrary.open(`${path}/logs`));
    const outcomes = await OutcomeFiles.open(`${path}/outcomes`);
    const executor = resources.use(
      await LocalExecutor.open({
        ...SETTINGS,
        logs,
        onFault: (error) => {
          throw error;
        },
      }),
    );
    const server = new ExecutorServer({
      executor,
      outcomes,
      version: "1.2.3 (test)",
      settings: SETTINGS,
      onChanged: () => {},
    });
    const listener = Deno.listen({ transport: "unix", path: `${path}/executor.sock` });
    const serving = (async () => {
      for await (const connection of listener) await server.serve(connection);
    })();
    resources.defer(async () => {
      listener.close();
      await server.killAll();
      await server.close();
      await serving;
    });
    return new TestServer(path, { executor, server, outcomes, resources: resources.move() });
  }

  async connect(options: Partial<ExecutorClientOptions> = {}): Promise<ExecutorClient> {
    return await ExecutorClient.connect({
      socket: this.socket,
      logs: this.logs,
      onFault: (error) => {
        throw error;
      },
      ...options,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** What is asked of an executor to run a shell script. */
export function script(jobId: string, text: string, hasInput = false): LaunchRequest {
  return {
    jobId,
    command: { name: "sh", args: ["-c", text], env: {}, workingDirectory: "" },
    execution: completeExecution({ hasInput }),
    logLimit: { bytes: 1024 * 1024, policy: "keep_newest" },
  };
}

/** Starts a shell script. */
export async function launch(
  client: ExecutorClient,
  ...args: Parameters<typeof script>
): Promise<RemoteJob> {
  await client.call("prepare", script(...args));
  return await client.launch(args[0], {});
}
