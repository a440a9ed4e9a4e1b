import { resolve } from "node:path";
import { invalidArgument, type JobWorkerError } from "../errors.ts";
import { hostNameSchema, MAX_SLOTS } from "../fleet/fleet_files.ts";
import { checkLabels } from "../job/labels.ts";
import { quoted } from "../text/quoted.ts";
import { asksForHelp, parseLine } from "../text/parse_line.ts";
import { checkFlag } from "./flags.ts";
import { installationDirectory } from "./installation.ts";

export const HOST_USAGE =
  `Usage: worker-daemon host add NAME --slots N [--labels NAME=VALUE,...] [--out FILE] [options]
       worker-daemon host list [--json] [options]
       worker-daemon host remove NAME [options]

Says at the hub which hosts are in its fleet. To add one makes NAME.join, the file by which it joins:
copy it to the host, and there run \`worker-daemon join NAME.join\`. A host that was removed can no longer
connect. After both, have nats-server read its configuration again.

Options:
  --slots=<n>       how many jobs of the fleet may run there at once
  --labels=<pairs>  what to choose it by, such as role=web,zone=eu
  --out=<file>      where to put the file by which it joins [NAME.join]
  --force           give a host that is there new keys, labels and slots; its old keys no longer do
  --json            one object a line
  --dir=<dir>       the directory of the hub [., or else /etc/job-worker]
  --ca-key=<file>   the private key of the CA, if it is not in the directory
`;

/** A valid command line. The directory of the hub is absolute, and so are other paths. */
export type HostVerb =
  | AddHost
  | { readonly action: "list"; readonly directory: string; readonly json: boolean }
  | {
    readonly action: "remove";
    readonly directory: string;
    readonly host: string;
    readonly caKey: string;
  };

export interface AddHost {
  readonly action: "add";
  readonly directory: string;
  readonly host: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;
  /** Where to put the file by which it joins. */
  readonly out: string;
  /** `""`: in the directory. */
  readonly caKey: string;
  readonly force: boolean;
}

const FLAGS = {
  help: { type: "boolean" },
  labels: { type: "string" },
  slots: { type: "string" },
  out: { type: "string" },
  force: { type: "boolean" },
  json: { type: "boolean" },
  dir: { type: "string" },
  "ca-key": { type: "string" },
} as const;

/** The flags that each action knows. */
const OF_ACTION: Readonly<Record<HostVerb["action"], readonly string[]>> = {
  add: ["labels", "slots", "out", "force", "dir", "ca-key"],
  list: ["json", "dir"],
  remove: ["dir", "ca-key"],
};

/**
 * Reads what follows the word `host`.
 *
 * @returns `null` if it asks for help
 * @throws {JobWorkerError} `invalid_argument`
 */
export async function parseHostLine(args: readonly string[]): Promise<HostVerb | null> {
  if (asksForHelp(args)) return null;
  const { values, positionals } = parseLine(
    { args: [...args], allowPositionals: true, options: FLAGS },
    `\n${HOST_USAGE}`,
  );
  const [action, host, ...rest] = positionals;
  if (action === undefined) throw misuse("An action is missing: add, list or remove");
  if (action !== "add" && action !== "list" && action !== "remove") {
    throw misuse(`Unknown action ${quoted(action)}; there are add, list and remove`);
  }
  const foreign = Object.keys(values).find((flag) => !OF_ACTION[action].includes(flag));
  if (foreign !== undefined) throw misuse(`--${foreign} does not go with ${action}`);
  const extra = action === "list" ? host : rest[0];
  if (extra !== undefined) throw misuse(`Unexpected argument ${quoted(extra)}`);
  const directory = await installationDirectory(values.dir);
  if (action === "list") return { action, directory, json: values.json ?? false };
  if (host === undefined) throw misuse("The name of the host is missing");
  checkFlag("The name of the host", host, hostNameSchema);
  const caKey = values["ca-key"] ?? "";
  if (action === "remove") return { action, directory, host, caKey };
  return {
    action,
    directory,
    host,
    labels: labelsIn(values.labels ?? ""),
    slots: slotsIn(values.slots),
    out: resolve(values.out ?? `${host}.join`),
    caKey,
    force: values.force ?? false,
  };
}

function misuse(what: string): JobWorkerError {
  return invalidArgument(`${what}\n${HOST_USAGE}`);
}

function slotsIn(text: string | undefined): number {
  if (text === undefined) {
    throw misuse("--slots is missing; give how many jobs may run there at once, such as 8");
  }
  const slots = Number(text);
  if (/^\d{1,7}$/.test(text) && slots >= 1 && slots <= MAX_SLOTS) return slots;
  throw invalidArgument(`--slots ${quoted(text)}: must be a whole number from 1 to ${MAX_SLOTS}`);
}

function labelsIn(text: string): Record<string, string> {
  const labels = new Map<string, string>();
  for (const pair of text.split(",").filter((part) => part !== "")) {
    const [, name = "", value = ""] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    const why = name === ""
      ? "must be NAME=VALUE, several separated by commas, such as role=web,zone=eu"
      : labels.has(name)
      ? `${quoted(name)} is there twice`
      : null;
    if (why !== null) throw invalidArgument(`--labels ${quoted(text)}: ${why}`);
    labels.set(name, value);
  }
  const record = Object.fromEntries(labels);
  checkLabels(record);
  return record;
}
