import { formatByteSize } from "../text/byte_size.ts";
import { formatDuration } from "../text/duration.ts";
import { invalidArgument, type JobWorkerError, messageOf } from "../errors.ts";
import { type HostPort, LOOPBACK } from "../net/host_port.ts";
import { parseCommandLine } from "./command_line.ts";
import { uidCount } from "./option_values.ts";
import { type DaemonOptions, IN_MEMORY, OPTION_ROWS, type OptionRow } from "./options.ts";

/** What the daemon is asked to do. */
export type DaemonInvocation =
  | { readonly kind: "run" | "check"; readonly options: DaemonOptions }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

/** What a configuration file says. */
export interface OptionFile {
  readonly path: string;
  /** Values as they would follow a flag, by the flag's name without its dashes. */
  readonly texts: ReadonlyMap<string, string>;
}

/** What may set an option, in the order of precedence. */
interface Sources {
  readonly flags: ReadonlyMap<string, string>;
  readonly environment: (name: string) => string | undefined;
  readonly file: OptionFile | null;
}

/**
 * Reads the options: flags first, then the environment, then the file, then the defaults.
 *
 * @throws {JobWorkerError} `invalid_argument`, naming the flag, variable or file, the value and what is
 * accepted
 */
export function parseOptions(
  args: readonly string[],
  environment: (name: string) => string | undefined,
  file: OptionFile | null = null,
): DaemonInvocation {
  const line = parseCommandLine(args, environment);
  if (!("flags" in line)) return line;
  const { kind, flags } = line;
  const values = OPTION_ROWS.map((row) => [row.key, valueOf(row, { flags, environment, file })]);
  // Each value comes from `parse` of its row, from which the type is derived.
  const options = Object.fromEntries(values) as DaemonOptions;
  checkTogether(options);
  return { kind, options };
}

function valueOf(row: OptionRow, sources: Sources): unknown {
  const [source, text] = textOf(row, sources);
  try {
    return row.parse(text);
  } catch (error) {
    const why = messageOf(error);
    const value = row.isSecret === true ? "" : ` ${JSON.stringify(text)}`;
    throw invalidArgument(`${source}${value}: ${why}`);
  }
}

/** What somebody has written for an option, and where. */
function textOf(
  { name, variable, default: byDefault }: OptionRow,
  { flags, environment, file }: Sources,
): [source: string, text: string] {
  const flag = flags.get(name);
  if (flag !== undefined) return [`--${name}`, flag];
  // An empty variable is as good as none.
  const set = environment(variable);
  if (set) return [variable, set];
  const written = file?.texts.get(name);
  return written === undefined ? [`--${name}`, byDefault] : [`"${name}" in ${file?.path}`, written];
}

/** Refuses options that do not go together. */
function checkTogether(options: DaemonOptions): void {
  const { logLimit, maxLogLimit, timeoutMs, maxTimeoutMs } = options;
  const { jobUser, jobUserMap, jobUids, maxRunning, fleet, dataDir } = options;
  // A maximum below the default would let no job with the default start.
  if (logLimit > maxLogLimit) {
    throw aboveMaximum("log-limit", formatByteSize(logLimit), formatByteSize(maxLogLimit));
  }
  checkPorts(options);
  if (maxTimeoutMs > 0 && timeoutMs > maxTimeoutMs) {
    throw aboveMaximum("timeout", formatDuration(timeoutMs), formatDuration(maxTimeoutMs));
  }
  // Or it would be anybody's guess whether somebody who is not in the map is refused.
  if (jobUser !== "" && jobUserMap !== "") {
    throw invalidArgument(
      `--job-user "${jobUser}" and --job-user-map "${jobUserMap}" cannot both be given: ` +
        `write a line "* ${jobUser}" into the map for those whom no other line is about`,
    );
  }
  const other = jobUser === "" ? "--job-user-map" : "--job-user";
  if (jobUids !== null && (jobUser !== "" || jobUserMap !== "")) {
    throw invalidArgument(
      `--job-uids and ${other} cannot both be given: with --job-uids, no two jobs run as one user`,
    );
  }
  // A hub could never tell what it has forgotten.
  if (fleet !== "" && dataDir === IN_MEMORY) {
    throw invalidArgument(`--fleet and --data-dir ${IN_MEMORY} cannot both be given`);
  }
  const notify = options.notify.length > 0 ? "notify" : "notify-allow";
  const calls = options.notify.length + options.notifyAllow.length > 0;
  if (calls && dataDir === IN_MEMORY) {
    throw invalidArgument(
      `--${notify} and --data-dir ${IN_MEMORY} cannot both be given: webhooks are called until they answer, however ` +
        "often the daemon is started",
    );
  }
  if (calls && options.hub) {
    throw invalidArgument(
      `--${notify} and --hub cannot both be given: webhooks are called by the host that has the job`,
    );
  }
  const uids = uidCount(jobUids);
  if (maxRunning !== Infinity && maxRunning > uids) {
    throw invalidArgument(
      `--max-running ${maxRunning} is more than --job-uids has ids for, ${uids}: choose a larger range, or a ` +
        "lower number",
    );
  }
}

function checkPorts({ address, restAddress, metricsAddress }: DaemonOptions): void {
  const given = [
    ["--address", address],
    ["--rest-address", restAddress],
    ["--metrics-address", metricsAddress],
  ] as const;
  for (const [index, [name, one]] of given.entries()) {
    for (const [otherName, other] of given.slice(index + 1)) {
      if (one === null || one.port === 0 || one.port !== other?.port) continue;
      if (!overlap(one, other)) continue;
      throw invalidArgument(
        `${name} and ${otherName} are both port ${one.port}: each needs one of its own`,
      );
    }
  }
}

function aboveMaximum(name: string, given: string, max: string): JobWorkerError {
  return invalidArgument(
    `--${name} ${given} is more than --max-${name} ${max}: raise that as well`,
  );
}

/** Whether one cannot listen at both: a wildcard address includes every other. */
function overlap({ hostname: one }: HostPort, { hostname: other }: HostPort): boolean {
  return one === other || [one, other].some((name) => Object.hasOwn(LOOPBACK, name));
}
