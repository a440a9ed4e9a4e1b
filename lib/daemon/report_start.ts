import type { DaemonOptions } from "../config/options.ts";
import { logPolicyText } from "../job/log_limit.ts";
import { formatHostPort, type HostPort } from "../net/host_port.ts";
import { formatByteSize } from "../text/byte_size.ts";
import { VERSION_TEXT } from "../version.ts";
import { diagnostics } from "./diagnostics.ts";
import type { JobEngine } from "./job_engine.ts";

/** What a daemon has found at its start. */
export interface StartFacts {
  readonly engine: Pick<JobEngine, "containment" | "maxRunning" | "adopted" | "queued" | "lost">;
  readonly descriptors: number;
  /** How many connections and calls there may be at a time. */
  readonly maxConnections: number;
  readonly maxCalls: number;
  /** Why gateways run as root although nobody has asked for that; `null` if they do not. */
  readonly whyRoot: string | null;
  /** Whether some jobs will lack rights that the options promise them. */
  readonly bindsJobs: boolean;
}

type Options = Pick<DaemonOptions, "address" | "restAddress" | "logLimit" | "logPolicy">;

/** Says how the daemon starts, what has become of the jobs of the one before, and what it should be warned of. */
export function reportStart(options: Options, facts: StartFacts): void {
  const { engine, descriptors, maxConnections, maxCalls } = facts;
  const { adopted, queued, lost } = engine;
  diagnostics.info("worker-daemon {version} starts: {facts}", {
    version: VERSION_TEXT,
    facts: [
      `gRPC on ${format(options.address)}`,
      options.restAddress === null ? "no REST" : `REST on ${format(options.restAddress)}`,
      `jobs held by ${engine.containment === "cgroup" ? "cgroups" : "process groups"}`,
      `logs of ${formatByteSize(options.logLimit)} (${logPolicyText(options.logPolicy)})`,
      `${descriptors} descriptors for ${maxConnections} connections, ${maxCalls} calls and ${engine.maxRunning} jobs`,
    ].join(", "),
  });
  warn(facts);
  if (adopted > 0) {
    diagnostics.info("{count} of the daemon before taken up", { count: countOf(adopted, "job") });
  }
  if (queued > 0) {
    diagnostics.info("{count} waiting in the queue: they run when it is their turn", {
      count: `${countOf(queued, "job")} ${queued === 1 ? "is" : "are"}`,
    });
  }
  if (lost > 0) {
    diagnostics.warn("{count} running when the daemon died: recorded as lost", {
      count: `${countOf(lost, "job")} ${lost === 1 ? "was" : "were"}`,
    });
  }
}

/** @param whyRoot why the gateway runs as root; `null` if it does not */
export function warnOfRoot(whyRoot: string | null): void {
  if (whyRoot === null) return;
  diagnostics.warn("The gateway, which faces the network, runs as root: {why}", { why: whyRoot });
}

function warn({ whyRoot, bindsJobs }: StartFacts): void {
  warnOfRoot(whyRoot);
  if (bindsJobs) {
    diagnostics.warn(
      "Jobs of root, and jobs that gain rights, will lack some: this service is bound, see the comments in its unit",
    );
  }
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function format({ hostname, port }: HostPort): string {
  return formatHostPort(hostname, port);
}
