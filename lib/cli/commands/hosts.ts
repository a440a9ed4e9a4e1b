import { hostJson } from "../../job/host.ts";
import { dateText } from "../../job/job_words.ts";
import { formatSpan } from "../../text/duration.ts";
import { jsonLine, printable } from "../../text/printable.ts";
import type { Context } from "../context.ts";
import type { HostsVerb } from "../invocation.ts";
import { printLine, tell } from "../io.ts";
import type { Host } from "../job_client.ts";
import { table } from "../table.ts";

/** Lists the hosts of a fleet: as a table on a terminal, elsewhere as one line per host, or as JSON. */
export async function hosts(
  { io, settings, client }: Context,
  { kind: _kind, ...request }: HostsVerb,
): Promise<number> {
  const { hosts } = await client.listHosts(request, { signal: io.interrupted });
  if (hosts.length === 0) {
    if (!settings.json) await tell(io, request.on === undefined ? NO_HOSTS : "No such hosts");
    return 0;
  }
  const lines = settings.json
    ? hosts.map((host) => jsonLine(hostJson(host)))
    : io.stdout.isTerminal
    ? await tableLines(hosts, io.stdout.columns)
    : hosts.map(tabbedLine);
  await printLine(io.stdout, lines.join("\n"));
  return 0;
}

const NO_HOSTS = "No hosts: this daemon is no hub of a fleet, or none has been added to it";

const HEADING = ["HOST", "STATE", "RUNNING", "LOAD", "VERSION", "HEARD", "LABELS"];

async function tableLines(hosts: readonly Host[], columns: number): Promise<string[]> {
  const now = Date.now();
  return await table([HEADING, ...hosts.map((host) => row(host, now))], { columns });
}

function row(host: Host, now: number): string[] {
  const { name, state, running, slots, queued, load, version, heardAt, detail } = host;
  const waiting = queued === 0 ? "" : ` +${queued} queued`;
  return [
    printable(name),
    state,
    `${running}/${slots}${waiting}`,
    heardAt === null ? "-" : loadText(load),
    printable(version) || "-",
    heardAt === null ? "never" : `${formatSpan(now - heardAt)} ago`,
    [labelsText(host), printable(detail)].filter((text) => text !== "").join(": "),
  ];
}

function tabbedLine(host: Host): string {
  const { name, state, running, slots, queued, load, version, heardAt, detail } = host;
  return [
    ...[printable(name), state, running, slots, queued, loadText(load), printable(version)],
    heardAt === null ? "-" : dateText(heardAt),
    labelsText(host),
    printable(detail),
  ].join("\t");
}

/** As uptime(1) says it. */
function loadText(load: number): string {
  return load.toFixed(2);
}

function labelsText({ labels }: Host): string {
  return Object.entries(labels).map(([name, value]) => printable(`${name}=${value}`)).join(",");
}
