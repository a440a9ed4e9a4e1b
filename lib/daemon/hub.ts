import { settleAll } from "../async/settle_all.ts";
import { messageOf } from "../errors.ts";
import { keepFileThread } from "../files/file_thread.ts";
import type { DaemonOptions } from "../config/options.ts";
import { VERSION_TEXT } from "../version.ts";
import { begin } from "./beginning.ts";
import { checkFleet } from "./check_config.ts";
import { readCredentials } from "./credentials.ts";
import type { DaemonProcess } from "./daemon_process.ts";
import { descriptorLimit } from "./descriptor_limit.ts";
import { diagnostics } from "./diagnostics.ts";
import { EngineSocket } from "./engine_socket.ts";
import { gatewayPlan, maxCallsOf } from "./gateway_plan.ts";
import { GatewaysAhead } from "./gateways_ahead.ts";
import { HubEngine } from "./hub_engine.ts";
import { warnOfRoot } from "./report_start.ts";
import { openExporter } from "./open_exporter.ts";
import { retry } from "./retry.ts";
import { SessionBook } from "./session_book.ts";
import { ServiceManager } from "./service_manager.ts";
import { Serving } from "./serving.ts";
import { findGatewayUser } from "./users/gateway_user.ts";

/**
 * Runs the hub of a fleet with its gateways until the signal is aborted: what an engine does, but that the jobs are
 * those of other hosts.
 *
 * @returns 0, or 1 if there was no gateway at the end
 * @throws the reason of the signal, if it is aborted before there was a gateway
 */
export async function runHub(options: DaemonOptions, process: DaemonProcess): Promise<number> {
  const { signal } = process;
  const { journal, inherited, setsid, supervisor, retryOptions, ended, onReload } = await begin(
    options,
    process,
  );
  await checkFleet(options);
  const [descriptors, { rights, whyRoot }] = await settleAll([
    descriptorLimit(setsid),
    findGatewayUser(options, setsid, inherited),
    // The keeper of the gateways would find the same in the files, but only after there is a data directory.
    readCredentials(options),
  ]);
  await using engine = await retry(() => HubEngine.open(options), retryOptions);
  using _fileThread = keepFileThread(engine.dataDirectory);
  using manager = await ServiceManager.open(supervisor, engine.dataDirectory);
  const { dataDirectory } = engine;
  await using socket = await EngineSocket.listen(engine.service, {
    ...{ dataDirectory, rights, signal },
    maxCalls: maxCallsOf(descriptors),
  });
  diagnostics.info("worker-daemon {version} starts as the hub of {fleet}", {
    version: VERSION_TEXT,
    fleet: options.fleet,
  });
  warnOfRoot(whyRoot);
  const sessions = options.restAddress && await SessionBook.open(
    dataDirectory,
    (entry) => engine.audit.write(entry),
  );
  await using keeper = await new GatewaysAhead({
    ...gatewayPlan(options, { dataDirectory, descriptors, inherited, journal }),
    ...{ setsid, rights, retryOptions },
  }).serve({
    onRefused: (refusal) => void engine.audit.refuse(refusal),
    restoreSocket: () => socket.restore(),
    sessions: () => Promise.resolve(sessions),
  });
  await using exporter = await openExporter(options, {
    ...{ setsid, rights, journal, retryOptions },
    measured: [engine, keeper],
  });
  const serving = new Serving(keeper.addresses, exporter?.address ?? null, manager, process);
  onReload(() => {
    void engine.audit.reopen();
    void serving.reload([engine, keeper]);
  });
  await serving.announce();
  await ended;
  await manager?.stopping("Closing the hub");
  diagnostics.info("Shutting down: {reason}", { reason: messageOf(signal.reason) });
  return keeper.alive > 0 ? 0 : 1;
}
