import { homedir } from "node:os";
import { resolve } from "node:path";
import { abortable } from "../async/abortable.ts";
import { settleAll } from "../async/settle_all.ts";
import { EngineServer } from "../engine/server.ts";
import { messageOf } from "../errors.ts";
import { formatHostPort, type HostPort } from "../net/host_port.ts";
import { keepFileThread } from "../files/file_thread.ts";
import { isLasting } from "../files/lasting.ts";
import { findTool } from "../process/tools.ts";
import { bindsJobs } from "./bound_rights.ts";
import { type CredentialFiles, readCredentials } from "./credentials.ts";
import { checkUsers } from "./users/check_users.ts";
import type { DaemonProcess } from "./daemon_process.ts";
import { ENGINE_SOCKET, openToGroup } from "./data_directory.ts";
import { descriptorLimit } from "./descriptor_limit.ts";
import { configureDiagnostics, diagnostics } from "./diagnostics.ts";
import type { FleetHost, FleetHostOptions } from "./fleet_host.ts";
import { findGatewayUser } from "./users/gateway_user.ts";
import { GatewaysAhead } from "./gateways_ahead.ts";
import { inheritedSockets } from "./inherited_sockets.ts";
import type { JobEngine } from "./job_engine.ts";
import { isJournal } from "./journal.ts";
import { type DaemonOptions, IN_MEMORY } from "../config/options.ts";
import { reportStart } from "./report_start.ts";
import { retry, type RetryOptions } from "./retry.ts";
import { notifySocket } from "./notify_socket.ts";
import { ServiceManager } from "./service_manager.ts";

/** The signal by which the daemon ends and its jobs go on, for the next one to take up. */
export const HAND_OVER = "SIGUSR2";

/**
 * Runs the engine with its gateways until the signal is aborted. Whatever happens, what was opened is closed
 * in reverse order: first the network, then the jobs, then what they are recorded in.
 *
 * @returns 0, or 1 if there was no gateway at the end
 * @throws the reason of the signal, if it is aborted before there was a gateway
 */
export async function runEngine(options: DaemonOptions, process: DaemonProcess): Promise<number> {
  const { signal, environment } = process;
  const journal = isJournal(environment);
  await configureDiagnostics({ debug: options.debug, journal });
  const ended = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => ended.resolve(), { once: true });
  // From the very start, because SIGHUP ends a process that does not listen for it.
  let reload = () => {};
  process.onReload(() => reload());

  const inherited = inheritedSockets(environment, {
    pid: Deno.pid,
    hasRest: options.restAddress !== null,
  });
  const setsid = await findTool("setsid");
  const [jobUserMap, descriptors, { rights, whyRoot }] = await settleAll([
    checkUsers(options, setsid),
    descriptorLimit(setsid),
    findGatewayUser(options, setsid, inherited),
  ]);
  const supervisor = notifySocket(environment);
  const retryOptions = startRetryOptions(signal, { supervised: supervisor !== null });
  const home = await homeDirectory();
  const caps = connectionCaps(descriptors);
  const gatewaysOf = (dataDirectory: string) =>
    new GatewaysAhead({
      ...{ count: options.gateways, setsid, rights, retryOptions, files: filesOf(options) },
      gateway: {
        ...caps,
        address: options.address,
        restAddress: options.restAddress,
        inherited,
        publicOrigins: options.publicOrigins,
        socket: `${dataDirectory}/${ENGINE_SOCKET}`,
        debug: options.debug,
        journal,
      },
    });
  // The directory of a daemon that keeps nothing gets its name later.
  await using ahead = options.dataDir === IN_MEMORY ? null : gatewaysOf(resolve(options.dataDir));
  // All of that is loaded while they load their code. The keeper of the gateways would find the same in the files, but
  // only after the engine has made a data directory.
  const [{ JobEngine }] = await settleAll([import("./job_engine.ts"), readCredentials(options)]);
  await using engine = await retry(
    () => JobEngine.open(options, home, setsid, { descriptors, jobUserMap }),
    retryOptions,
  );
  using _fileThread = keepFileThread(engine.dataDirectory);
  let isDecided = false;
  // If we cannot serve, or are replaced before we do, the jobs that were taken up go on: the next daemon may serve.
  await using _jobs = {
    async [Symbol.asyncDispose]() {
      const isEnded = signal.aborted && messageOf(signal.reason) !== HAND_OVER;
      if (isDecided || isEnded || engine.whyNotHandOver(supervisor !== null) !== null) return;
      await engine.handOver();
    },
  };
  using manager = await ServiceManager.open(supervisor, engine.dataDirectory);
  const socket = `${engine.dataDirectory}/${ENGINE_SOCKET}`;
  const maxCalls = Math.min(4096, Math.floor(descriptors / 4));
  const letGatewaysIn = async () => {
    if (rights !== null) await openToGroup(engine.dataDirectory, rights.gid);
  };
  await letGatewaysIn();
  await using server = await EngineServer.listen(engine.service, {
    path: socket,
    uid: rights?.uid ?? null,
    // A follower holds a socket and a file. Jobs hold nothing here, but in the executor.
    maxCalls,
    onFault: (error, method) => diagnostics.error("{method} failed: {error}", { method, error }),
  });
  const restoreSocket = async () => {
    // Somebody may have given the directory its usual mode again, as tmpfiles.d(5) does.
    await letGatewaysIn();
    // Without a descriptor for it that may take long, and must not hold up the end.
    if (!await abortable(server.restoreSocket(), signal)) return;
    diagnostics.warn("The socket {socket} was removed or replaced: made again", { socket });
  };
  reportStart(options, {
    ...{ engine, descriptors, maxConnections: caps.maxConnections, maxCalls, whyRoot },
    bindsJobs: await bindsJobs(options, engine.mappedUsers, setsid),
  });
  await using host = options.fleet === "" ? null : await openFleetHost(options, {
    ...{ engine, setsid, rights, journal },
  });
  await using keeper = await (ahead ?? gatewaysOf(engine.dataDirectory)).serve({
    onRefused: (refusal) => void engine.audit.refuse(refusal),
    restoreSocket,
  });
  const { address, restAddress } = keeper.addresses;
  const grpc = `listening on ${format(address)}`;
  const rest = restAddress && `serving REST at https://${format(restAddress)}`;
  const status = rest === null ? grpc : `${grpc}, ${rest}`;
  reload = () => {
    void engine.audit.reopen();
    void (async () => {
      await manager?.reloading();
      await Promise.all([engine.reload(), keeper.reload(), host?.reload()]);
      if (!signal.aborted) await manager?.ready(status);
    })();
  };
  process.print(`worker-daemon ${grpc}\n`);
  if (rest !== null) process.print(`worker-daemon ${rest}\n`);
  await manager?.ready(status);
  if (!signal.aborted) await ended.promise;
  isDecided = true;
  const reason = messageOf(signal.reason);
  const isAsked = reason === HAND_OVER;
  const why = isAsked ? engine.whyNotHandOver(supervisor !== null) : null;
  const handsOver = isAsked && why === null;
  if (why !== null) diagnostics.warn("The jobs cannot be handed over: {why}", { why });
  await manager?.stopping(handsOver ? "Handing the jobs over" : "Ending the jobs");
  if (handsOver) {
    diagnostics.info("Handing over: {reason}; the jobs go on", { reason });
    await engine.handOver();
  } else {
    diagnostics.info("Shutting down: {reason}", { reason });
    engine.requireAnswers();
  }
  return keeper.alive > 0 ? 0 : 1;
}

/** Makes the daemon a host of its fleet; the code for that is loaded only where there is one. */
async function openFleetHost(
  options: DaemonOptions,
  { engine, ...rest }: Pick<FleetHostOptions, "setsid" | "rights" | "journal"> & {
    readonly engine: JobEngine;
  },
): Promise<FleetHost | null> {
  const { FleetHost } = await import("./fleet_host.ts");
  const { service, changes, dataDirectory } = engine;
  if (changes === null) return null;
  return await FleetHost.open({ ...options, ...rest, service, changes, dataDirectory });
}

/**
 * How often to try to start. Somebody at a terminal wants to be told at once. A supervisor would only start us
 * again, so there we retry for half a minute what may pass, at longer and longer intervals.
 */
export function startRetryOptions(
  signal: AbortSignal,
  options: { supervised: boolean },
): RetryOptions {
  let left = options.supervised ? 5 : 0;
  return {
    pauseMs: { first: 1_000, last: 16_000 },
    signal,
    again: (error) => {
      if (isLasting(error) || left-- === 0) return false;
      diagnostics.error("Cannot start: {why}; trying again", { why: messageOf(error) });
      return true;
    },
  };
}

/**
 * How many connections a gateway accepts. Once out of descriptors it could never accept again, so it stays
 * well below the limit: each connection may need a second descriptor, towards the engine.
 */
export function connectionCaps(descriptors: number): {
  maxConnections: number;
  maxConnectionsPerAddress: number;
} {
  const maxConnections = Math.min(4096, Math.max(8, Math.floor((descriptors - 50) / 3)));
  return { maxConnections, maxConnectionsPerAddress: Math.ceil(maxConnections / 2) };
}

/** The files with what gateways present and accept. */
export function filesOf(options: DaemonOptions): CredentialFiles {
  const { cert, key, ca, denyList, restAddress, users } = options;
  return {
    ...{ cert: resolve(cert), key: resolve(key), ca: resolve(ca) },
    denyList: denyList && resolve(denyList),
    restAddress,
    users: resolve(users),
  };
}

export function format({ hostname, port }: HostPort): string {
  return formatHostPort(hostname, port);
}

/** The home directory of the daemon's user, or `/` if that does not exist. */
async function homeDirectory(): Promise<string> {
  const home = homedir() ?? "/";
  const info = await Deno.stat(home).catch(() => null);
  return info?.isDirectory ? home : "/";
}
