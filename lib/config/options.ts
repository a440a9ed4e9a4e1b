/**
 * The options of the daemon: one table for parsing, for the help and for the environment.
 *
 * @module
 */

import { formatByteSize, parseByteSize } from "../text/byte_size.ts";
import { closest } from "../text/closest.ts";
import { formatDuration, parseDuration } from "../text/duration.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import type { HostPort } from "../net/host_port.ts";
import { MAX_GRACE_PERIOD_MS, MAX_TIMEOUT_MS } from "../job/execution.ts";
import type { UserPolicy } from "../job/user_policy.ts";
import { LOG_POLICIES, type LogLimit } from "../job/types.ts";
import {
  durationUpTo,
  hostPort,
  logLimit,
  origin,
  parseSwitch,
  path,
  userName,
} from "./option_values.ts";

/** What the daemon is told to do. */
export interface DaemonOptions {
  /** Where gRPC listens: host and port; port 0 is any that is free. */
  readonly address: HostPort;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** The file of client certificates that are refused; `""`: the one beside the CA's, if it is there. */
  readonly denyList: string;
  /** Where REST listens; `null`: nowhere. */
  readonly restAddress: HostPort | null;
  /** The htpasswd file of those who may use REST. */
  readonly users: string;
  /** Under which a proxy makes REST public. */
  readonly publicOrigins: readonly string[];
  /** Where jobs, logs and the audit trail are kept. */
  readonly dataDir: string;
  /** What jobs get between SIGTERM and SIGKILL when the daemon shuts down; 0: SIGKILL at once. */
  readonly shutdownGraceMs: number;
  /** What the log of a job that does not choose may take on disk, and what happens then. */
  readonly logLimit: number;
  readonly logPolicy: LogLimit["policy"];
  /** What the log of any job may take on disk, whatever it chooses. */
  readonly maxLogLimit: number;
  /** Finished jobs are kept so long, so many of them, and with so many bytes of logs; or for ever. */
  readonly retainAgeMs: number;
  readonly retainCount: number;
  readonly retainBytes: number;
  /** Whose rights jobs have, and who else may be asked for; `""`: the daemon's own. */
  readonly jobUser: string;
  readonly allowUsers: UserPolicy["allowed"];
  /** Of a job that does not say, and for every one; 0: for ever. */
  readonly timeoutMs: number;
  readonly maxTimeoutMs: number;
  /** Whether to keep jobs in cgroups where that is possible. */
  readonly cgroups: boolean;
  /** How many processes share the port. */
  readonly gateways: number;
  readonly debug: boolean;
}

/** The `--data-dir` of a daemon that forgets everything when it ends. */
export const IN_MEMORY = ":memory:";

/** What {@linkcode parseOptions} found on the command line. */
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

interface Option<T> {
  /** What stands for the value in the help; a flag without one is a switch. */
  readonly placeholder?: string;
  readonly about: string;
  readonly default: string;
  readonly read: (text: string) => T;
}

/** The flag of each option is its name here; its variable is `WORKER_DAEMON_` and that in capitals. */
const OPTIONS: { readonly [Name in keyof DaemonOptions]: Option<DaemonOptions[Name]> } = {
  address: {
    placeholder: "host:port",
    about: "address for gRPC; port 0 picks any free one",
    default: "0.0.0.0:8080",
    read: hostPort,
  },
  cert: {
    placeholder: "file",
    about: "the daemon's certificate, PEM",
    default: "certs/server-cert.pem",
    read: path,
  },
  key: {
    placeholder: "file",
    about: "its private key, PEM, mode 0600",
    default: "certs/server-key.pem",
    read: path,
  },
  ca: {
    placeholder: "file",
    about: "CAs whose client certificates are trusted, PEM",
    default: "certs/ca-cert.pem",
    read: path,
  },
  denyList: {
    placeholder: "file",
    about: "client certificates to refuse; by default deny-list.txt beside --ca, if it exists",
    default: "",
    read: (text) => text === "" ? "" : path(text),
  },
  restAddress: {
    placeholder: "host:port",
    about: "address for REST, over HTTPS with the same certificate; or off",
    default: "0.0.0.0:8443",
    read: (text) => text === "off" ? null : hostPort(text),
  },
  users: {
    placeholder: "file",
    about: "who may use REST: an htpasswd file, made by `worker-daemon user`",
    default: "certs/users.htpasswd",
    read: path,
  },
  publicOrigins: {
    placeholder: "urls",
    about: "public URLs of a proxy in front of REST and the page, separated by commas",
    default: "",
    read: (text) =>
      text.split(",").map((url) => url.trim()).filter((url) => url !== "").map(origin),
  },
  dataDir: {
    placeholder: "dir",
    about: "directory for jobs, their logs and the audit trail",
    default: "data",
    read: path,
  },
  shutdownGraceMs: {
    placeholder: "duration",
    about: "time that jobs get at shutdown between SIGTERM and SIGKILL; 0s: SIGKILL at once",
    default: "0s",
    read: durationUpTo(MAX_GRACE_PERIOD_MS),
  },
  logLimit: {
    placeholder: "size",
    about: "disk space for the log of one job, unless it asks for another",
    default: "256MiB",
    read: logLimit,
  },
  logPolicy: {
    placeholder: "policy",
    about: "what to do at the limit: keep-newest output, or end-job",
    default: "keep-newest",
    read: (text) => {
      const policy = LOG_POLICIES.find((policy) => policy.replace("_", "-") === text);
      if (policy === undefined) throw new Error("must be keep-newest or end-job");
      return policy;
    },
  },
  maxLogLimit: {
    placeholder: "size",
    about: "the most that a job may ask for; at least --log-limit",
    default: "1GiB",
    read: logLimit,
  },
  retainAgeMs: {
    placeholder: "duration",
    about: "how long finished jobs are kept",
    default: "forever",
    read: (text) => text === "forever" ? Infinity : parseDuration(text),
  },
  retainCount: {
    placeholder: "n",
    about: "how many finished jobs are kept",
    default: "100000",
    read: (text) => {
      if (!/^\d{1,9}$/.test(text)) throw new Error("must be a whole number up to 999999999");
      return Number(text);
    },
  },
  retainBytes: {
    placeholder: "size",
    about: "disk space for the logs of all finished jobs",
    default: "10GiB",
    read: parseByteSize,
  },
  jobUser: {
    placeholder: "name",
    about: "user that jobs run as; required if the daemon runs as root",
    default: "",
    read: userName,
  },
  allowUsers: {
    placeholder: "names",
    about: "other users that jobs may run as, separated by commas; * for any",
    default: "",
    read: (text) =>
      text === "*" ? "any" : text.split(",").filter((name) => name !== "").map(userName),
  },
  timeoutMs: {
    placeholder: "duration",
    about: "time limit of jobs that do not set one; 0s: none",
    default: "0s",
    read: durationUpTo(MAX_TIMEOUT_MS),
  },
  maxTimeoutMs: {
    placeholder: "duration",
    about: "the longest time limit that a job may have; 0s: none",
    default: "0s",
    read: durationUpTo(MAX_TIMEOUT_MS),
  },
  cgroups: {
    placeholder: "true|false",
    about: "run each job in a cgroup of its own where possible",
    default: "true",
    read: parseSwitch,
  },
  gateways: {
    placeholder: "n",
    about: "number of processes that share the port, 1 to 64",
    default: "1",
    read: (text) => {
      if (!/^[1-9]\d?$/.test(text) || Number(text) > 64) throw new Error("must be 1 to 64");
      return Number(text);
    },
  },
  debug: { about: "print more diagnostics", default: "false", read: parseSwitch },
};

const NAMES = Object.keys(OPTIONS) as (keyof DaemonOptions)[];

/** Flags that are no options: they cannot be in the file. */
export const CONFIG_FLAG = "--config";
export const CHECK_FLAG = "--check-config";

/** An option, for those who write about it. */
export interface OptionRow {
  /** Without dashes: its name in the configuration file, too. */
  readonly name: string;
  readonly variable: string;
  /** `null`: a switch. */
  readonly placeholder: string | null;
  readonly about: string;
  readonly default: string;
}

/** All that can be in the configuration file, in the order of the help. */
export const OPTION_ROWS: readonly OptionRow[] = NAMES.map((name) => {
  const { placeholder = null, about, default: byDefault } = OPTIONS[name];
  return { name: flagOf(name), variable: variableOf(name), placeholder, about, default: byDefault };
});

function flagOf(name: string): string {
  return name.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The variable that stands in for an option. */
export function variableOf(name: string): string {
  return `WORKER_DAEMON_${flagOf(name).replaceAll("-", "_").toUpperCase()}`;
}

/** The configuration file that the command line or the environment names; `null` if neither does. */
export function configPath(
  args: readonly string[],
  environment: (name: string) => string | undefined,
): string | null {
  return givenFlags(args).config ?? (environment(variableOf("config")) || null);
}

/**
 * Reads the command line: flags first, then the environment, then the file, then the defaults.
 *
 * @throws `invalid_argument`, naming the flag, variable or file, the value and what is accepted
 */
export function parseOptions(
  args: readonly string[],
  environment: (name: string) => string | undefined,
  file?: OptionFile,
): DaemonInvocation {
  if (args.includes("--help") || args.includes("-h")) return { kind: "help" };
  if (args.includes("--version")) return { kind: "version" };
  const { given, checkOnly } = givenFlags(args);
  const read = <T>(name: keyof DaemonOptions, option: Option<T>): T => {
    const flag = given.get(name);
    const variable = environment(variableOf(name)) || undefined;
    const [source, text] = flag !== undefined
      ? [`--${flagOf(name)}`, flag]
      : variable !== undefined || file === undefined
      ? [variableOf(name), variable ?? option.default]
      : [`"${flagOf(name)}" in ${file.path}`, file.texts.get(flagOf(name)) ?? option.default];
    try {
      return option.read(text);
    } catch (error) {
      const why = messageOf(error);
      throw new JobWorkerError("invalid_argument", `${source} ${JSON.stringify(text)}: ${why}`);
    }
  };
  const options = {
    address: read("address", OPTIONS.address),
    cert: read("cert", OPTIONS.cert),
    key: read("key", OPTIONS.key),
    ca: read("ca", OPTIONS.ca),
    denyList: read("denyList", OPTIONS.denyList),
    restAddress: read("restAddress", OPTIONS.restAddress),
    users: read("users", OPTIONS.users),
    publicOrigins: read("publicOrigins", OPTIONS.publicOrigins),
    dataDir: read("dataDir", OPTIONS.dataDir),
    shutdownGraceMs: read("shutdownGraceMs", OPTIONS.shutdownGraceMs),
    logLimit: read("logLimit", OPTIONS.logLimit),
    logPolicy: read("logPolicy", OPTIONS.logPolicy),
    maxLogLimit: read("maxLogLimit", OPTIONS.maxLogLimit),
    retainAgeMs: read("retainAgeMs", OPTIONS.retainAgeMs),
    retainCount: read("retainCount", OPTIONS.retainCount),
    retainBytes: read("retainBytes", OPTIONS.retainBytes),
    jobUser: read("jobUser", OPTIONS.jobUser),
    allowUsers: read("allowUsers", OPTIONS.allowUsers),
    timeoutMs: read("timeoutMs", OPTIONS.timeoutMs),
    maxTimeoutMs: read("maxTimeoutMs", OPTIONS.maxTimeoutMs),
    cgroups: read("cgroups", OPTIONS.cgroups),
    gateways: read("gateways", OPTIONS.gateways),
    debug: read("debug", OPTIONS.debug),
  };
  checkTogether(options);
  return { kind: checkOnly ? "check" : "run", options };
}

/** A bound that is lower than what jobs get by default would let none of those start. */
function checkTogether(options: DaemonOptions): void {
  const { logLimit, maxLogLimit, timeoutMs, maxTimeoutMs } = options;
  const refuse = (name: string, given: string, most: string) =>
    new JobWorkerError(
      "invalid_argument",
      `--${name} ${given} is more than --max-${name} ${most}: raise that, too`,
    );
  if (logLimit > maxLogLimit) {
    throw refuse("log-limit", formatByteSize(logLimit), formatByteSize(maxLogLimit));
  }
  const { address, restAddress } = options;
  if (address.port > 0 && address.port === restAddress?.port && overlap(address, restAddress)) {
    throw new JobWorkerError(
      "invalid_argument",
      `--address and --rest-address are both port ${address.port}: each needs one of its own`,
    );
  }
  if (maxTimeoutMs > 0 && timeoutMs > maxTimeoutMs) {
    throw refuse("timeout", formatDuration(timeoutMs), formatDuration(maxTimeoutMs));
  }
}

/** Whether listening at the one takes from the other: all of a machine's addresses are one more. */
function overlap({ hostname: one }: HostPort, { hostname: other }: HostPort): boolean {
  return one === other || [one, other].some((name) => name === "0.0.0.0" || name === "::");
}

interface GivenFlags {
  readonly given: ReadonlyMap<keyof DaemonOptions, string>;
  readonly config: string | undefined;
  readonly checkOnly: boolean;
}

function givenFlags(args: readonly string[]): GivenFlags {
  const given = new Map<keyof DaemonOptions, string>();
  let config: string | undefined;
  let checkOnly = false;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    const [flag = "", ...rest] = arg.split("=");
    const valueOf = (): string => {
      const value = rest.length > 0 ? rest.join("=") : args[++index];
      if (value !== undefined) return value;
      throw new JobWorkerError("invalid_argument", `${flag} needs a value: see --help`);
    };
    const name = NAMES.find((name) => flag === `--${flagOf(name)}`);
    if (arg === CHECK_FLAG) checkOnly = true;
    else if (flag === CONFIG_FLAG) config = valueOf();
    else if (name === undefined) throw unknownArgument(arg, flag);
    else if (OPTIONS[name].placeholder === undefined && rest.length === 0) given.set(name, "true");
    else given.set(name, valueOf());
  }
  return { given, config, checkOnly };
}

function unknownArgument(arg: string, flag: string): JobWorkerError {
  const known = [...NAMES.map(flagOf), CONFIG_FLAG.slice(2), CHECK_FLAG.slice(2)];
  const meant = closest(flag.replace(/^--/, ""), known);
  const advice = meant === null ? "see --help" : `did you mean --${meant}?`;
  return new JobWorkerError(
    "invalid_argument",
    `Unknown argument ${JSON.stringify(arg)}: ${advice}`,
  );
}
