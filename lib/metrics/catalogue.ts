/**
 * Every metric that a daemon serves, by its name: the text at `/metrics`, the table in `docs/monitoring.md`, and what
 * dashboard and alerts may ask for follow from this. Names and units are as Prometheus has them, see
 * <https://prometheus.io/docs/practices/naming/>.
 *
 * No label has a value that clients choose, such as an owner or a job: their number would have no bound.
 *
 * @module
 */

/** What is known of a metric before it is measured. */
interface Metric {
  readonly type: "counter" | "gauge" | "histogram";
  /** Who serves it: the daemon of a host, or the hub of a fleet. */
  readonly by: readonly ("host" | "hub")[];
  readonly labels: readonly string[];
  /** A sentence without its full stop. */
  readonly help: string;
}

const BOTH = ["host", "hub"] as const;
const HOST = ["host"] as const;
const HUB = ["hub"] as const;

export const METRICS = {
  job_worker_build_info: {
    type: "gauge",
    by: BOTH,
    labels: ["version", "build", "deno"],
    help: "What the daemon is built of; always 1",
  },
  job_worker_start_time_seconds: {
    type: "gauge",
    by: BOTH,
    labels: [],
    help: "When the engine or hub began to serve, in seconds since the Unix epoch",
  },
  job_worker_process_up: {
    type: "gauge",
    by: BOTH,
    labels: ["process"],
    help: "Whether a process of the daemon answers, within two seconds: 1 or 0",
  },
  job_worker_process_resident_memory_bytes: {
    type: "gauge",
    by: BOTH,
    labels: ["process"],
    help: "Memory of a process of the daemon, without that of jobs",
  },
  job_worker_process_restarts_total: {
    type: "counter",
    by: BOTH,
    labels: ["role"],
    help: "Processes of the daemon that have died and were replaced, or are to be",
  },
  job_worker_jobs: {
    type: "gauge",
    by: BOTH,
    labels: ["status"],
    help:
      "Jobs that run, those that are being started included, or that are queued; a hub has only the latter",
  },
  job_worker_jobs_limit: {
    type: "gauge",
    by: BOTH,
    labels: ["status"],
    help: "How many of them there may be at once",
  },
  job_worker_jobs_started_total: {
    type: "counter",
    by: HOST,
    labels: [],
    help: "Jobs that have got a process",
  },
  job_worker_jobs_queued_total: {
    type: "counter",
    by: HOST,
    labels: [],
    help: "Jobs that had to wait in the queue",
  },
  job_worker_jobs_ended_total: {
    type: "counter",
    by: HOST,
    labels: ["status", "reason"],
    help: "Jobs that have ended, by how: done, failed or cancelled, and why",
  },
  job_worker_start_duration_seconds: {
    type: "histogram",
    by: BOTH,
    labels: [],
    help: "Time from the call that starts a job to its answer, unless the job is queued",
  },
  job_worker_queue_wait_seconds: {
    type: "histogram",
    by: HOST,
    labels: [],
    help: "Time that jobs have waited in the queue before they ran",
  },
  job_worker_calls_total: {
    type: "counter",
    by: BOTH,
    labels: ["method", "code"],
    help: "Calls that have ended, on all APIs, by what came of them: ok, or the code of the error",
  },
  job_worker_calls_in_progress: {
    type: "gauge",
    by: BOTH,
    labels: ["method"],
    help:
      "Calls that are being answered; those of streamLogs are the followers and readers of logs",
  },
  job_worker_log_written_bytes_total: {
    type: "counter",
    by: HOST,
    labels: ["process", "stream"],
    help: "Output of jobs that was written to their logs",
  },
  job_worker_log_read_bytes_total: {
    type: "counter",
    by: BOTH,
    labels: [],
    help: "Records of logs that were sent to clients",
  },
  job_worker_flush_duration_seconds: {
    type: "histogram",
    by: BOTH,
    labels: ["process"],
    help: "Time that the disk took to store logs, outcomes and audit trail, flush by flush",
  },
  job_worker_flush_failures_total: {
    type: "counter",
    by: BOTH,
    labels: ["process"],
    help: "Flushes that have failed",
  },
  job_worker_connections: {
    type: "gauge",
    by: BOTH,
    labels: ["process", "api"],
    help: "Open connections, by API: grpc or rest",
  },
  job_worker_connections_accepted_total: {
    type: "counter",
    by: BOTH,
    labels: ["process"],
    help: "Connections over gRPC whose certificate was good",
  },
  job_worker_connections_refused_total: {
    type: "counter",
    by: BOTH,
    labels: ["process", "api"],
    help: "Connections that were turned away: no good certificate, or too many",
  },
  job_worker_rest_requests_total: {
    type: "counter",
    by: BOTH,
    labels: ["process"],
    help: "Requests over REST",
  },
  job_worker_logins_failed_total: {
    type: "counter",
    by: BOTH,
    labels: ["process"],
    help: "Requests over REST with an unknown user or a wrong password",
  },
  job_worker_webhook_calls_total: {
    type: "counter",
    by: HOST,
    labels: ["result"],
    help:
      "Calls of webhooks by what came of them: delivered, retried (to be made again), or failed (given up)",
  },
  job_worker_fleet_hosts: {
    type: "gauge",
    by: HUB,
    labels: ["state"],
    help: "Hosts of the fleet: online or offline",
  },
  job_worker_fleet_index_bytes: {
    type: "gauge",
    by: HUB,
    labels: [],
    help: "Size of the registry with the index of jobs, on the disk",
  },
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof METRICS;

/** Every {@linkcode MetricName}, in the order of the text. */
export const METRIC_NAMES = Object.keys(METRICS) as readonly MetricName[];

/** The labels of a metric, each with its value. */
export type LabelsOf<Name extends MetricName> = {
  readonly [Label in typeof METRICS[Name]["labels"][number]]: string;
};
