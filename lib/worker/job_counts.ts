import { type Job, statusOf } from "../job/types.ts";
import type { Exposition } from "../metrics/exposition.ts";
import { Histogram } from "../metrics/histogram.ts";
import { Tally } from "../metrics/tally.ts";

/** In seconds: a queue may be one of moments or of days. */
const WAIT_BOUNDS = [0.1, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400];

/** What becomes of jobs every day, and what nobody wants to see. */
const ENDS = [
  "done exited",
  "failed exited",
  "failed signaled",
  "failed lost",
  "cancelled stopped",
];

/** What has become of the jobs of a worker since the process began. */
export class JobCounts {
  #queued = 0;
  #started = 0;
  readonly #waits = new Histogram(WAIT_BOUNDS);
  /** By status and reason. */
  readonly #ended = new Tally<string>();

  /** What is watched is there before it happens: nobody sees a series grow that begins with a one. */
  constructor() {
    for (const end of ENDS) this.#ended.add(end, 0);
  }

  /** Takes account of a job that has been queued, has begun to run, or has ended. */
  changed(job: Job): void {
    const { end, queuedAt, startedAt } = job;
    if (end !== null) return this.#ended.add(`${end.status} ${end.reason}`);
    if (statusOf(job) === "queued") {
      this.#queued++;
      return;
    }
    this.#started++;
    // Somebody may have set the clock back meanwhile.
    if (queuedAt !== null) {
      this.#waits.observe(Math.max(0, (startedAt ?? queuedAt) - queuedAt) / 1000);
    }
  }

  measure(exposition: Exposition): void {
    exposition.add("job_worker_jobs_queued_total", {}, this.#queued);
    exposition.add("job_worker_jobs_started_total", {}, this.#started);
    for (const [key, count] of this.#ended.entries()) {
      const [status = "", reason = ""] = key.split(" ");
      exposition.add("job_worker_jobs_ended_total", { status, reason }, count);
    }
    exposition.addHistogram("job_worker_queue_wait_seconds", {}, this.#waits.state);
  }
}
