import type { DaemonOptions } from "../../lib/config/options.ts";
import { USUAL_SECRETS } from "../../lib/text/mask_secrets.ts";

/** The default of an option, and its value for a text that says something else. */
interface Sample<T> {
  readonly default: T;
  readonly text: string;
  readonly value: T;
}

/** Each option by its name: one that is not here does not compile. */
export const OPTION_SAMPLES: {
  readonly [Name in keyof DaemonOptions]: Sample<DaemonOptions[Name]>;
} = {
  address: {
    default: { hostname: "0.0.0.0", port: 8080 },
    text: "[::1]:9001",
    value: { hostname: "::1", port: 9001 },
  },
  cert: { default: "certs/server-cert.pem", text: "/x/cert.pem", value: "/x/cert.pem" },
  key: { default: "certs/server-key.pem", text: "/x/key.pem", value: "/x/key.pem" },
  ca: { default: "certs/ca-cert.pem", text: "/x/ca.pem", value: "/x/ca.pem" },
  denyList: { default: "", text: "/x/denied", value: "/x/denied" },
  restAddress: {
    default: { hostname: "0.0.0.0", port: 8443 },
    text: "worker.test:9002",
    value: { hostname: "worker.test", port: 9002 },
  },
  users: { default: "certs/users.htpasswd", text: "/x/users", value: "/x/users" },
  publicOrigins: {
    default: [],
    text: "https://jobs.example,https://jobs.example:8443",
    value: ["https://jobs.example", "https://jobs.example:8443"],
  },
  metricsAddress: {
    default: null,
    text: "9464",
    value: { hostname: "127.0.0.1", port: 9464 },
  },
  dataDir: { default: "data", text: "/x/data", value: "/x/data" },
  shutdownGraceMs: { default: 0, text: "3s", value: 3_000 },
  logLimit: { default: 256 * 1024 ** 2, text: "2MiB", value: 2 * 1024 ** 2 },
  logPolicy: { default: "keep_newest", text: "end-job", value: "end_job" },
  maxLogLimit: { default: 1024 ** 3, text: "512MiB", value: 512 * 1024 ** 2 },
  retainAgeMs: { default: Infinity, text: "30d", value: 30 * 86_400_000 },
  retainCount: { default: 100_000, text: "17", value: 17 },
  retainBytes: { default: 10 * 1024 ** 3, text: "5GiB", value: 5 * 1024 ** 3 },
  auditLimit: { default: 64 * 1024 ** 2, text: "7MiB", value: 7 * 1024 ** 2 },
  auditAgeMs: { default: Infinity, text: "31d", value: 31 * 86_400_000 },
  auditKeep: { default: 15, text: "24", value: 24 },
  auditMask: {
    default: [...USUAL_SECRETS],
    text: "usual,*_PIN",
    value: [...USUAL_SECRETS, "*_PIN"],
  },
  jobUser: { default: "", text: "build", value: "build" },
  jobUserMap: { default: "", text: "/x/map", value: "/x/map" },
  jobUids: {
    default: null,
    text: "200000-265535",
    value: { first: 200_000, last: 265_535 },
  },
  jobHomes: { default: "/var/lib/job-worker-homes", text: "/x/homes", value: "/x/homes" },
  allowUsers: { default: [], text: "www-data,backup", value: ["www-data", "backup"] },
  timeoutMs: { default: 0, text: "90m", value: 5_400_000 },
  maxTimeoutMs: { default: 0, text: "2h", value: 7_200_000 },
  newPrivileges: { default: false, text: "true", value: true },
  maxRunning: { default: Infinity, text: "300", value: 300 },
  maxRunningPerUser: { default: Infinity, text: "20", value: 20 },
  maxQueued: { default: 10_000, text: "40", value: 40 },
  maxQueuedPerUser: { default: Infinity, text: "30", value: 30 },
  cgroups: { default: true, text: "false", value: false },
  gateways: { default: 1, text: "4", value: 4 },
  gatewayUser: { default: "", text: "front", value: "front" },
  fleet: { default: "", text: "/x/host.json", value: "/x/host.json" },
  hub: { default: false, text: "true", value: true },
  registry: {
    default: null,
    text: "postgres://hub@db.example/fleet",
    value: {
      host: "db.example",
      port: 5432,
      database: "fleet",
      user: "hub",
      tls: "verify-full",
      rootCert: "",
    },
  },
  registryPassword: { default: "", text: "/x/password", value: "/x/password" },
  fleetRoles: {
    default: ["admin", "operator", "viewer"],
    text: "viewer, operator",
    value: ["viewer", "operator"],
  },
  notifyAllow: {
    default: [],
    text: "Hooks.example, chat.example:8443,hooks.example:443",
    value: ["hooks.example", "chat.example:8443"],
  },
  notify: {
    default: [],
    text: "https://ops.example/a?b=%2C,https://ops.example",
    value: ["https://ops.example/a?b=%2C", "https://ops.example/"],
  },
  notifyFilter: {
    default: {},
    text: "status=failed,label=team=blue,status=cancelled,owner=alice",
    value: { statuses: ["failed", "cancelled"], labels: { team: "blue" }, owner: "alice" },
  },
  notifyCa: { default: "", text: "/x/hooks-ca.pem", value: "/x/hooks-ca.pem" },
  debug: { default: false, text: "true", value: true },
};

/** The names of the options, as code has them. */
export const OPTION_NAMES = Object.keys(OPTION_SAMPLES) as (keyof DaemonOptions)[];

/** The defaults of all options. */
export const DEFAULT_OPTIONS = Object.fromEntries(
  Object.entries(OPTION_SAMPLES).map(([name, sample]) => [name, sample.default]),
);

/** The name of an option where people write it. */
export function flagOf(name: string): string {
  return name.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Options that cannot be given beside others, which are not among them. */
export const EXCLUSIVE: readonly (keyof DaemonOptions)[] = ["jobUserMap", "jobUids", "hub"];
