import { homedir } from "node:os";
import { resolve } from "node:path";
import { EngineServer } from "../engine/server.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { formatHostPort } from "../host_port.ts";
import { VERSION } from "../version.ts";
import { findTool } from "../worker/mod.ts";
import { configureDiagnostics, diagnostics } from "./diagnostics.ts";
import { type GatewayPipes, runGateway } from "./gateway.ts";
import { GATEWAY_ROLE } from "./gateway_command.ts";
import { GatewayKeeper } from "./gateway_keeper.ts";
import { JobEngine } from "./job_engine.ts";
import { type DaemonOptions, helpText, parseOptions } from "./options.ts";
import { systemFacts } from "./system_facts.ts";

/** What a process ends with when its arguments are wrong, and when it cannot do its work. */
const EXIT_USAGE = 2;
const EXIT_FAILURE = 1;

/** What the daemon needs from the process that it is. */
export interface DaemonProcess {
  readonly args: readonly string[];
  readonly environment: (name: string) => string | undefined;
  /** Aborted when the process is asked to end. */
  readonly signal: AbortSignal;
  /** Has a function called whenever the process is asked to read its certificates anew. */
  readonly onReload: (reload: () => void) => void;
  readonly pipes: GatewayPipes;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
}

/**
 * The daemon, from its arguments to its exit status.
 *
 * @returns 0 after a shutdown that was asked for; 2 for wrong arguments; 1 if it cannot start
 */
export async function main(process: DaemonProcess): Promise<number> {
  try {
    if (process.args[0] === GATEWAY_ROLE) return await runGateway(process.pipes);
    const invocation = parseOptions(process.args, process.environment);
    if (invocation.kind === "help") process.print(helpText());
    else if (invocation.kind === "version") process.print(`worker-daemon ${VERSION}\n`);
    else return await runDaemon(invocation.options, process);
    return 0;
  } catch (error) {
    process.printError(`worker-daemon: ${messageOf(error)}\n`);
    const usage = error instanceof JobWorkerError && error.code === "invalid_argument";
    return usage ? EXIT_USAGE : EXIT_FAILURE;
  }
}

/**
 * The engine with its gateways, until the signal is aborted. What was opened is closed in reverse,
 * whatever happens: first the network, then the jobs, then what they are recorded in.
 *
 * @returns 0, or 1 if at the end there was no gateway
 */
async function runDaemon(options: DaemonOptions, process: DaemonProcess): Promise<number> {
  await configureDiagnostics(options);
  const { signal } = process;
  const ended = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => ended.resolve(), { once: true });

  const setsid = await findTool("setsid", { package: "util-linux" });
  const { descriptors, isRoot } = await systemFacts(setsid);
  if (isRoot && options.jobUser === "") {
    throw new JobWorkerError(
      "failed_precondition",
      "The daemon runs as root, and so would every job: say whose rights jobs have with " +
        "--job-user=NAME, or --job-user=root if that is meant",
    );
  }
  await using engine = await JobEngine.open({ ...options, home: await homeDirectory() });
  const socket = `${engine.dataDirectory}/engine.sock`;
  await using _server = await EngineServer.listen(engine.service, {
    path: socket,
    // A follower holds a socket and a file; the rest is for jobs.
    maxCalls: Math.min(4096, Math.floor(descriptors / 4)),
    onFault: (error, method) => diagnostics.error("{method} failed: {error}", { method, error }),
  });
  await using keeper = await GatewayKeeper.start({
    count: options.gateways,
    setsid,
    gateway: {
      ...connectionCaps(descriptors),
      address: options.address,
      cert: resolve(options.cert),
      key: resolve(options.key),
      ca: resolve(options.ca),
      socket,
      debug: options.debug,
    },
  });
  process.onReload(() => void keeper.reload());
  const { hostname, port } = keeper.address;
  process.print(`worker-daemon listening on ${formatHostPort(hostname, port)}\n`);
  if (!signal.aborted) await ended.promise;
  diagnostics.info("Shutting down: {reason}", { reason: messageOf(signal.reason) });
  return keeper.alive > 0 ? 0 : EXIT_FAILURE;
}

/**
 * How many connections a gateway takes. Out of descriptors it could never accept again, so it stays
 * far from the limit: each connection may need one more towards the engine.
 */
function connectionCaps(descriptors: number): {
  maxConnections: number;
  maxConnectionsPerAddress: number;
} {
  const maxConnections = Math.min(4096, Math.max(8, Math.floor((descriptors - 50) / 3)));
  return { maxConnections, maxConnectionsPerAddress: Math.ceil(maxConnections / 2) };
}

/** The home directory of the daemon's user, or `/` if that does not exist. */
async function homeDirectory(): Promise<string> {
  const home = homedir() ?? "/";
  const info = await Deno.stat(home).catch(() => null);
  return info?.isDirectory ? home : "/";
}
