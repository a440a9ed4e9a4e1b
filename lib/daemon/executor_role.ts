import { LocalExecutor } from "../executor/local_executor.ts";
import { OutcomeFiles } from "../executor/outcome_files.ts";
import type { ExecutorSettings } from "../executor/protocol.ts";
import { ExecutorServer } from "../executor/server.ts";
import { keepFileThread } from "../files/file_thread.ts";
import { LogLibrary } from "../log/log_library.ts";
import { VERSION_TEXT } from "../version.ts";
import { ExecutorSocket } from "./executor_socket.ts";

/** How long an executor without an engine goes on, if it has no job that it is to keep. */
const LINGER_MS = 2_000;

/** What an executor writes to its standard output once it listens. */
export const READY = "ready\n";

/** What the engine tells an executor on its standard input, as JSON. */
export interface ExecutorOptions {
  /** Absolute path of the socket to listen on. */
  readonly socket: string;
  /** Where the logs of jobs are. */
  readonly logs: string;
  /** Where to keep what jobs came to. */
  readonly outcomes: string;
  /** Whether jobs go on while no engine is there; otherwise they are killed. */
  readonly keepsJobs: boolean;
  readonly settings: ExecutorSettings;
}

/** The ends of an executor's conversation with the engine that starts it. */
export interface ExecutorPipes {
  readonly input: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly output: WritableStream<Uint8Array<ArrayBuffer>>;
}

/**
 * The process that runs the jobs. It outlives the engine that has started it: it ends with its last job if
 * there is no engine, when an engine says so, or by the signal, and then its jobs end with it.
 *
 * @returns its exit status
 */
export async function runExecutor(pipes: ExecutorPipes, signal: AbortSignal): Promise<number> {
  // Not granted anyway where flags are given at the start; with `deno compile` they are those of all roles.
  for (const name of ["sys", "env"] as const) await Deno.permissions.revoke({ name });
  const options: ExecutorOptions = await new Response(pipes.input).json();
  const { socket, settings } = options;
  await using resources = new AsyncDisposableStack();
  resources.use(keepFileThread(options.logs));
  const logs = resources.use(LogLibrary.existing(options.logs));
  const logsDirectory = resources.use(await Deno.open(options.logs));
  const outcomes = await OutcomeFiles.open(options.outcomes);
  const ending = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => ending.resolve(), { once: true });
  if (signal.aborted) ending.resolve();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const executor = resources.use(
    await LocalExecutor.open({
      ...settings,
      isAlone: true,
      logs,
      onFault: (error, jobId) => server.reportFault(error, jobId),
      onShellEnded: (end) => server.reportShellEnd(end),
    }),
  );
  const server = new ExecutorServer({
    executor,
    outcomes,
    version: VERSION_TEXT,
    settings,
    onChanged: () => endIfUseless(),
  });
  const endIfUseless = () => {
    const isUseless = server.running === 0 &&
      // If the data directory is no more, rather than somewhere else, nobody will ever ask.
      (server.unstored === 0 || logsDirectory.statSync().nlink === 0);
    // Nobody comes for new jobs, and what those came to that no engine has recorded is on the disk.
    if (server.isRetired && (server.size === 0 || isUseless && !server.isConnected)) {
      ending.resolve();
    }
    if (server.isConnected || !isUseless && options.keepsJobs) {
      clearTimeout(timer);
      timer = undefined;
      return;
    }
    // What changes meanwhile, such as another failure to store an outcome, does not begin it anew.
    timer ??= setTimeout(() => ending.resolve(), LINGER_MS);
  };
  // One without jobs ends when its engine has left.
  const listening = await ExecutorSocket.listen(
    socket,
    () => server.isConnected || server.size > 0,
  );
  const serving = serve(listening.connections(options.logs), server);
  await pipes.output.getWriter().write(new TextEncoder().encode(READY));
  endIfUseless();
  await ending.promise;
  clearTimeout(timer);
  // First, so that an engine which cannot connect any more sees that this is no crash.
  const isClosed = await listening.close();
  await server.killAll();
  await server.close();
  if (isClosed) await serving;
  return 0;
}

/** Serves one engine after the other. */
async function serve(
  connections: AsyncIterable<Deno.UnixConn>,
  server: ExecutorServer,
): Promise<void> {
  for await (const connection of connections) await server.serve(connection);
}
