/**
 * The options of the daemon. A row says everything about an option: its type, its flag, its variable, its name in
 * the configuration file, and its lines in the help and in the manual are derived from it.
 *
 * @module
 */

import { parseByteSize } from "../text/byte_size.ts";
import { MAX_GRACE_PERIOD_MS, MAX_TIMEOUT_MS } from "../job/execution.ts";
import { parseLogPolicy } from "../job/log_limit.ts";
import {
  auditLimit,
  durationOrForever,
  durationUpTo,
  hostPort,
  listOf,
  logLimit,
  maskNames,
  metricsAddress,
  orAuto,
  origin,
  path,
  roleName,
  uidRange,
  userName,
  wholeNumber,
} from "./option_values.ts";
import { endedJobs, webhookHosts, webhooks } from "./notify_values.ts";
import { parseDatabaseUrl } from "../net/database_url.ts";
import { parseSwitch } from "../text/switch.ts";

/** What a row says of an option. */
interface Option<T> {
  /** Stands for the value in the help; `null`: a switch. A `file` and a `dir` are paths. */
  readonly placeholder: string | null;
  readonly about: string;
  /** As somebody would write it. */
  readonly default: string;
  /** Whether a value, right or wrong, may have a secret in it: then no message says it, since messages are logged. */
  readonly isSecret?: true;
  /** Throws an error that says what is accepted. */
  readonly parse: (text: string) => T;
}

/** In the order of the help. The name of an option is the one of its flag, plus `Ms` for a duration. */
const OPTIONS = {
  /** Where gRPC listens. */
  address: {
    placeholder: "host:port",
    about: "address for gRPC; port 0 picks any free one",
    default: "0.0.0.0:8080",
    parse: hostPort,
  },
  cert: {
    placeholder: "file",
    about: "the daemon's certificate, PEM",
    default: "certs/server-cert.pem",
    parse: path,
  },
  key: {
    placeholder: "file",
    about: "its private key, PEM, mode 0600",
    default: "certs/server-key.pem",
    parse: path,
  },
  ca: {
    placeholder: "file",
    about: "CAs whose client certificates are trusted, PEM",
    default: "certs/ca-cert.pem",
    parse: path,
  },
  /** `""`: the one beside the CA's, if it is there. */
  denyList: {
    placeholder: "file",
    about: "client certificates to refuse; by default deny-list.txt beside --ca",
    default: "",
    parse: (text) => text === "" ? "" : path(text),
  },
  /** Where REST listens; `null`: nowhere. */
  restAddress: {
    placeholder: "host:port",
    about: "address for REST, which is served over HTTPS; or off",
    default: "0.0.0.0:8443",
    parse: (text) => text === "off" ? null : hostPort(text),
  },
  users: {
    placeholder: "file",
    about: "users of REST, made by `worker-daemon user`",
    default: "certs/users.htpasswd",
    parse: path,
  },
  publicOrigins: {
    placeholder: "urls",
    about: "public URLs of a proxy in front of REST, separated by commas",
    default: "",
    parse: (text) => listOf(text).map(origin),
  },
  /** Where metrics are served; `null`: nowhere. */
  metricsAddress: {
    placeholder: "host:port",
    about: "address for Prometheus, of 127.0.0.1 if only a port; or off",
    default: "off",
    parse: metricsAddress,
  },
  dataDir: {
    placeholder: "dir",
    about: "directory for jobs, their logs and the audit trail",
    default: "data",
    parse: path,
  },
  /** Between SIGTERM and SIGKILL; 0: SIGKILL at once. */
  shutdownGraceMs: {
    placeholder: "duration",
    about: "time for jobs to end by themselves at shutdown; 0s: none",
    default: "0s",
    parse: durationUpTo(MAX_GRACE_PERIOD_MS),
  },
  /** In bytes. */
  logLimit: {
    placeholder: "size",
    about: "disk space for the log of a job that does not set a limit",
    default: "256MiB",
    parse: logLimit,
  },
  logPolicy: {
    placeholder: "policy",
    about: "at the limit: keep-newest output, or end-job",
    default: "keep-newest",
    parse: parseLogPolicy,
  },
  /** In bytes. */
  maxLogLimit: {
    placeholder: "size",
    about: "the largest log limit of a job; at least --log-limit",
    default: "1GiB",
    parse: logLimit,
  },
  retainAgeMs: {
    placeholder: "duration",
    about: "how long finished jobs are kept",
    default: "forever",
    parse: durationOrForever,
  },
  retainCount: {
    placeholder: "n",
    about: "finished jobs to keep; whoever has most loses theirs first",
    default: "100000",
    parse: wholeNumber(0, 999_999_999),
  },
  retainBytes: {
    placeholder: "size",
    about: "disk space for finished jobs with their logs, likewise",
    default: "10GiB",
    parse: parseByteSize,
  },
  /** In bytes; `Infinity`: none. */
  auditLimit: {
    placeholder: "size",
    about: "size at which the audit trail begins another file; or off",
    default: "64MiB",
    parse: auditLimit,
  },
  auditAgeMs: {
    placeholder: "duration",
    about: "age at which the audit trail begins another file",
    default: "forever",
    parse: durationOrForever,
  },
  auditKeep: {
    placeholder: "n",
    about: "how many older files of the audit trail are kept",
    default: "15",
    parse: wholeNumber(1, 9_999),
  },
  /** As `maskFor()` takes them. */
  auditMask: {
    placeholder: "names",
    about: "names of arguments that the audit trail masks; or off",
    default: "usual",
    parse: maskNames,
  },
  /** `""`: the daemon's own. */
  jobUser: {
    placeholder: "name",
    about: "user that jobs run as; required if the daemon runs as root",
    default: "",
    parse: userName,
  },
  /** `""`: none. */
  jobUserMap: {
    placeholder: "file",
    about: "says which user each owner's jobs run as, instead of --job-user",
    default: "",
    parse: (text) => text === "" ? "" : path(text),
  },
  /** `null`: none. */
  jobUids: {
    placeholder: "range",
    about: "such as 200000-265535: each job runs as a user of its own",
    default: "",
    parse: uidRange,
  },
  jobHomes: {
    placeholder: "dir",
    about: "homes for the jobs of --job-uids",
    default: "/var/lib/job-worker-homes",
    parse: path,
  },
  allowUsers: {
    placeholder: "names",
    about: "other users that jobs may run as, separated by commas; * for any",
    default: "",
    parse: (text) => text === "*" ? "any" : listOf(text).map(userName),
  },
  /** 0: none. */
  timeoutMs: {
    placeholder: "duration",
    about: "time limit of jobs that do not set one; 0s: none",
    default: "0s",
    parse: durationUpTo(MAX_TIMEOUT_MS),
  },
  /** 0: none. */
  maxTimeoutMs: {
    placeholder: "duration",
    about: "the longest time limit that a job may have; 0s: none",
    default: "0s",
    parse: durationUpTo(MAX_TIMEOUT_MS),
  },
  newPrivileges: {
    placeholder: "true|false",
    about: "let jobs gain more rights, as by sudo",
    default: "false",
    parse: parseSwitch,
  },
  /** `Infinity`: as many as the descriptors are enough for. */
  maxRunning: {
    placeholder: "n",
    about: "jobs that may run at once; auto: as descriptors allow",
    default: "auto",
    parse: orAuto(wholeNumber(1, 1_000_000)),
  },
  /** `Infinity`: half of those. */
  maxRunningPerUser: {
    placeholder: "n",
    about: "those of one user; auto: half of --max-running",
    default: "auto",
    parse: orAuto(wholeNumber(1, 1_000_000)),
  },
  maxQueued: {
    placeholder: "n",
    about: "jobs that may wait in the queue; 0: none",
    default: "10000",
    parse: wholeNumber(0, 1_000_000),
  },
  /** `Infinity`: half of those. */
  maxQueuedPerUser: {
    placeholder: "n",
    about: "those of one user; auto: half of --max-queued",
    default: "auto",
    parse: orAuto(wholeNumber(0, 1_000_000)),
  },
  cgroups: {
    placeholder: "true|false",
    about: "run each job in a cgroup of its own where possible",
    default: "true",
    parse: parseSwitch,
  },
  gateways: {
    placeholder: "n",
    about: "number of processes that share the port, 1 to 64",
    default: "1",
    parse: wholeNumber(1, 64),
  },
  /** `""`: `GATEWAY_USER` if that exists, or else the daemon's own. */
  gatewayUser: {
    placeholder: "name",
    about: "their user if the daemon is root; by default job-worker-gateway",
    default: "",
    parse: userName,
  },
  /** `""`: none. */
  fleet: {
    placeholder: "file",
    about: "the fleet that this host belongs to, or this hub serves",
    default: "",
    parse: (text) => text === "" ? "" : path(text),
  },
  hub: {
    placeholder: null,
    about: "serve the hosts of --fleet in place of this one",
    default: "false",
    parse: parseSwitch,
  },
  /** Where hubs share what they know; `null`: this one has it for itself, in its data directory. */
  registry: {
    placeholder: "url",
    about: "what several hubs share: postgres://user@host:port/database",
    default: "",
    isSecret: true,
    parse: (text) => text === "" ? null : parseDatabaseUrl(text),
  },
  /** `""`: none is needed. */
  registryPassword: {
    placeholder: "file",
    about: "the file with the password of that user",
    default: "",
    parse: (text) => text === "" ? "" : path(text),
  },
  /** Those that count of somebody who comes by way of a hub. */
  fleetRoles: {
    placeholder: "roles",
    about: "roles that callers by a hub may have",
    default: "admin,operator,viewer",
    parse: (text) => listOf(text).map(roleName),
  },
  /** As `URL.host` has them. */
  notifyAllow: {
    placeholder: "hosts",
    about: "hosts whose webhooks may be told of single jobs: start --notify",
    default: "",
    parse: webhookHosts,
  },
  /** As `URL.href` has them. */
  notify: {
    placeholder: "urls",
    about: "webhooks to call when jobs end, https, separated by commas",
    default: "",
    isSecret: true,
    parse: webhooks,
  },
  notifyFilter: {
    placeholder: "terms",
    about: "of which jobs: such as status=failed,label=team=blue",
    default: "",
    parse: endedJobs,
  },
  /** `""`: none. */
  notifyCa: {
    placeholder: "file",
    about: "CAs of webhooks beside the public ones, PEM",
    default: "",
    parse: (text) => text === "" ? "" : path(text),
  },
  debug: {
    placeholder: null,
    about: "print more diagnostics",
    default: "false",
    parse: parseSwitch,
  },
} as const satisfies Readonly<Record<string, Option<unknown>>>;

/** What the daemon is told to do. */
export type DaemonOptions = {
  readonly [Name in keyof typeof OPTIONS]: ReturnType<typeof OPTIONS[Name]["parse"]>;
};

/** The `--data-dir` of a daemon that forgets everything when it ends. */
export const IN_MEMORY = ":memory:";

/** An option with all of its names. */
export interface OptionRow extends Option<unknown> {
  /** In code. */
  readonly key: keyof DaemonOptions;
  /** In the configuration file, and with dashes in front on the command line. */
  readonly name: string;
  /** In the environment. */
  readonly variable: string;
}

export const OPTION_ROWS: readonly OptionRow[] = Object.entries(OPTIONS).map(([key, option]) => {
  const name = key.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return { ...option, key: key as keyof DaemonOptions, name, variable: variableOf(name) };
});

/** The variable that stands in for a flag of this name. */
export function variableOf(name: string): string {
  return `WORKER_DAEMON_${name.replaceAll("-", "_").toUpperCase()}`;
}
