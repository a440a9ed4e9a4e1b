/**
 * The daemon without its hop: the engine's service and all that faces the network in one process. It
 * takes the options of `server.ts`. Only what the second process costs is measured with it.
 *
 * @module
 */

import { loadOptions } from "../lib/config/config_file.ts";
import { readCredentials } from "../lib/daemon/credentials.ts";
import { JobEngine } from "../lib/daemon/job_engine.ts";
import { NetworkFront } from "../lib/daemon/network_front.ts";
import { findTool } from "../lib/process/tools.ts";
import { print } from "./report.ts";

const ended = Promise.withResolvers<void>();
Deno.addSignalListener("SIGTERM", () => ended.resolve());

const invocation = await loadOptions(Deno.args, () => undefined);
if (invocation.kind !== "run") throw new TypeError("Cannot measure: not the options of a daemon");
const { options } = invocation;
{
  await using engine = await JobEngine.open(options, "/", await findTool("setsid"));
  await using front = await NetworkFront.open(engine.service, {
    ...options,
    credentials: await readCredentials(options),
    maxConnections: 1000,
    maxConnectionsPerAddress: 1000,
    exclusive: true,
    slowness: 1,
    inherited: { grpc: null, rest: null },
    onRefused: (refusal) => void engine.audit.refuse(refusal),
    onUsed: () => {},
  });
  const { hostname, port } = front.addresses.address;
  print(`worker-daemon listening on ${hostname}:${port}`);
  await ended.promise;
}
Deno.exit();
