import { abortable } from "../async/abortable.ts";
import { EngineServer } from "../engine/server.ts";
import { messageOf } from "../errors.ts";
import { keepFileThread } from "../files/file_thread.ts";
import { findTool } from "../process/tools.ts";
import type { DaemonOptions } from "../config/options.ts";
import { VERSION_TEXT } from "../version.ts";
import { checkFleet } from "./check_config.ts";
import type { DaemonProcess } from "./daemon_process.ts";
import { ENGINE_SOCKET, openToGroup } from "./data_directory.ts";
import { descriptorLimit } from "./descriptor_limit.ts";
import { configureDiagnostics, diagnostics } from "./diagnostics.ts";
import { connectionCaps, filesOf, format, startRetryOptions } from "./engine.ts";
import { GatewaysAhead } from "./gateways_ahead.ts";
import { HubEngine } from "./hub_engine.ts";
import { inheritedSockets } from "./inherited_sockets.ts";
import { isJournal } from "./journal.ts";
import { warnOfRoot } from "./report_start.ts";
import { retry } from "./retry.ts";
import { notifySocket } from "./notify_socket.ts";
import { ServiceManager } from "./service_manager.ts";
import { findGatewayUser } from "./users/gateway_user.ts";

/**
 * Runs the hub of a fleet with its gateways until the signal is aborted: what an engine does, but that the jobs are
 * those of other hosts.
 *
 * @returns 0, or 1 if there was no gateway at the end
 * @throws the reason of the signal, if it is aborted before there was a gateway
 */
export async function runHub(options: DaemonOptions, process: DaemonProcess): Promise<number> {
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
  await checkFleet(options);
  const setsid = await findTool("setsid");
  const [descriptors, { rights, whyRoot }] = await Promise.all([
    descriptorLimit(setsid),
    findGatewayUser(options, setsid, inherited),
  ]);
  const supervisor = notifySocket(environment);
  const retryOptions = startRetryOptions(signal, { supervised: supervisor !== null });
  await using engine = await retry(() => HubEngine.open(options), retryOptions);
  using _fileThread = keepFileThread(engine.dataDirectory);
  using manager = await ServiceManager.open(supervisor, engine.dataDirectory);
  const socket = `${engine.dataDirectory}/${ENGINE_SOCKET}`;
  const letGatewaysIn = async () => {
    if (rights !== null) await openToGroup(engine.dataDirectory, rights.gid);
  };
  await letGatewaysIn();
  await using server = await EngineServer.listen(engine.service, {
    path: socket,
    uid: rights?.uid ?? null,
    maxCalls: Math.min(4096, Math.floor(descriptors / 4)),
    onFault: (error, method) => diagnostics.error("{method} failed: {error}", { method, error }),
  });
  diagnostics.info("worker-daemon {version} starts as the hub of {fleet}", {
    version: VERSION_TEXT,
    fleet: options.fleet,
  });
  warnOfRoot(whyRoot);
  await using keeper = await new GatewaysAhead({
    ...{ count: options.gateways, setsid, rights, retryOptions, files: filesOf(options) },
    gateway: {
      ...connectionCaps(descriptors),
      address: options.address,
      restAddress: options.restAddress,
      inherited,
      publicOrigins: options.publicOrigins,
      socket,
      debug: options.debug,
      journal,
    },
  }).serve({
    onRefused: (refusal) => void engine.audit.refuse(refusal),
    async restoreSocket() {
      await letGatewaysIn();
      if (!await abortable(server.restoreSocket(), signal)) return;
      diagnostics.warn("The socket {socket} was removed or replaced: made again", { socket });
    },
  });
  const { address, restAddress } = keeper.addresses;
  const grpc = `listening on ${format(address)}`;
  const rest = restAddress && `serving REST at https://${format(restAddress)}`;
  const status = rest === null ? grpc : `${grpc}, ${rest}`;
  reload = () => {
    void engine.audit.reopen();
    void (async () => {
      await manager?.reloading();
      await Promise.all([engine.reload(), keeper.reload()]);
      if (!signal.aborted) await manager?.ready(status);
    })();
  };
  process.print(`worker-daemon ${grpc}\n`);
  if (rest !== null) process.print(`worker-daemon ${rest}\n`);
  await manager?.ready(status);
  if (!signal.aborted) await ended.promise;
  await manager?.stopping("Closing the hub");
  diagnostics.info("Shutting down: {reason}", { reason: messageOf(signal.reason) });
  return keeper.alive > 0 ? 0 : 1;
}
