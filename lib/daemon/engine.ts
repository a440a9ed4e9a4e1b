import { homedir } from "node:os";
import { resolve } from "node:path";
import { settleAll } from "../async/settle_all.ts";
import { messageOf } from "../errors.ts";
import { keepFileThread } from "../files/file_thread.ts";
import { begin } from "./beginning.ts";
import { bindsJobs } from "./bound_rights.ts";
import { readCredentials } from "./credentials.ts";
import { checkUsers } from "./users/check_users.ts";
import type { DaemonProcess } from "./daemon_process.ts";
import { descriptorLimit } from "./descriptor_limit.ts";
import { diagnostics } from "./diagnostics.ts";
import { EngineSocket } from "./engine_socket.ts";
import { openExporter } from "./open_exporter.ts";
import type { FleetHost, FleetHostOptions } from "./fleet_host.ts";
import { findGatewayUser } from "./users/gateway_user.ts";
import { connectionCaps, gatewayPlan, maxCallsOf } from "./gateway_plan.ts";
import { GatewaysAhead } from "./gateways_ahead.ts";
import type { JobEngine } from "./job_engine.ts";
import { type DaemonOptions, IN_MEMORY } from "../config/options.ts";
import type { Notifier, NotifierOptions } from "./notifier.ts";
import { reportStart } from "./report_start.ts";
import { retry } from "./retry.ts";
import { SessionBook } from "./session_book.ts";
import { ServiceManager } from "./service_manager.ts";
import { Serving } from "./serving.ts";

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
  const { signal } = process;
  const { journal, inherited, setsid, supervisor, retryOptions, ended, onReload } = await begin(
    options,
    process,
  );
  const [jobUserMap, descriptors, { rights, whyRoot }] = await settleAll([
    checkUsers(options, setsid),
    descriptorLimit(setsid),
    findGatewayUser(options, setsid, inherited),
  ]);
  const home = await homeDirectory();
  const gatewaysOf = (dataDirectory: string) =>
    new GatewaysAhead({
      ...gatewayPlan(options, { dataDirectory, descriptors, inherited, journal }),
      ...{ setsid, rights, retryOptions },
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
  const maxCalls = maxCallsOf(descriptors);
  await using socket = await EngineSocket.listen(engine.service, {
    dataDirectory: engine.dataDirectory,
    ...{ rights, maxCalls, signal },
  });
  const { maxConnections } = connectionCaps(descriptors);
  reportStart(options, {
    ...{ engine, descriptors, maxConnections, maxCalls, whyRoot },
    bindsJobs: await bindsJobs(options, engine.mappedUsers, setsid),
  });
  await using host = options.fleet === "" ? null : await openFleetHost(options, {
    ...{ engine, setsid, rights, journal },
  });
  const sessions = options.restAddress && await SessionBook.open(
    engine.dataDirectory,
    (entry) => engine.audit.write(entry),
  );
  await using notifier = await tellWebhooks(options, { engine, setsid, rights, journal });
  await using keeper = await (ahead ?? gatewaysOf(engine.dataDirectory)).serve({
    onRefused: (refusal) => void engine.audit.refuse(refusal),
    restoreSocket: () => socket.restore(),
    sessions: () => Promise.resolve(sessions),
  });
  await using exporter = await openExporter(options, {
    ...{ setsid, rights, journal, retryOptions },
    measured: [engine, keeper, host, notifier].filter((part) => part !== null),
  });
  const serving = new Serving(keeper.addresses, exporter?.address ?? null, manager, process);
  onReload(() => {
    void engine.audit.reopen();
    void serving.reload([engine, keeper, host]);
  });
  await serving.announce();
  await ended;
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
  const { fleet, fleetRoles, ca, denyList, debug } = options;
  return await FleetHost.open({
    ...{ fleet, fleetRoles, ca, denyList, debug },
    ...{ ...rest, service, changes, dataDirectory },
    onRefused: (refusal) => void engine.audit.refuse(refusal),
  });
}

/** Has webhooks called for as long as it is open. */
async function tellWebhooks(
  options: DaemonOptions,
  { engine, ...rest }: Pick<NotifierOptions, "setsid" | "rights" | "journal"> & {
    readonly engine: JobEngine;
  },
): Promise<Notifier | null> {
  const { notifications: store, dataDirectory } = engine;
  if (store === null) return null;
  const { Notifier } = await import("./notifier.ts");
  const { notify, notifyAllow, notifyCa, debug } = options;
  return await Notifier.open({
    ...{ notify, notifyAllow, notifyCa, debug },
    ...{ ...rest, store, dataDirectory },
  });
}

/** The home directory of the daemon's user, or `/` if that does not exist. */
async function homeDirectory(): Promise<string> {
  const home = homedir() ?? "/";
  const info = await Deno.stat(home).catch(() => null);
  return info?.isDirectory ? home : "/";
}
