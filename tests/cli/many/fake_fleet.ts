/** A hub that exists only in memory, whose hosts do what the test says. */

import { abortable } from "../../../lib/async/abortable.ts";
import type {
  CallOptions,
  Host,
  Job,
  JobClient,
  RunEvent,
  RunJobsRequest,
  RunTarget,
  StopJobsRequest,
} from "../../../lib/cli/job_client.ts";
import { DONE, jobOf, recordsOf } from "../fake_daemon.ts";

/** What is known of each host. */
export function hostOf(name: string, changes: Partial<Host> = {}): Host {
  return {
    ...{ name, state: "online", labels: {}, slots: 1, running: 0, queued: 0, load: 0 },
    ...{ version: "", heardAt: null, detail: "" },
    ...changes,
  };
}

export function failedEnd(code: number): NonNullable<Job["end"]> {
  return { ...DONE, status: "failed", exitStatus: { code } };
}

/** The events of a job that prints something and ends. */
export function ran(host: string, text: string, end: Job["end"] = DONE): RunEvent[] {
  const job = jobOf({ jobId: jobIdOf(host), host });
  const records = recordsOf(["stdout", text]);
  return [
    { host, job },
    { host, log: { records, nextOffset: text.length, finishedJob: { ...job, end } } },
  ];
}

export function failure(
  host: string,
  kind: "refused" | "offline" | "unanswered",
  message = "why",
): RunEvent {
  return { host, failure: { kind, message } };
}

export function jobIdOf(host: string): string {
  return `job of ${host}`;
}

/** What a host does with a command; it waits as long as the test lets it. */
export type Behaviour = (target: RunTarget, signal: AbortSignal) => AsyncIterable<RunEvent>;

/** Remembers what it was asked, and how many hosts were at work at once. */
export class FakeFleet {
  readonly requests: RunJobsRequest[] = [];
  readonly stops: StopJobsRequest[] = [];
  readonly stopped = new Map<string, () => void>();
  atWork = 0;
  mostAtWork = 0;
  /** In the order of their turns. */
  readonly started: string[] = [];
  readonly #behaviour: Behaviour;

  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour;
  }

  readonly client: Pick<JobClient, "runJobs" | "stopJobs"> = {
    runJobs: (request, options) => this.#run(request, options),
    stopJobs: (request) => {
      this.stops.push(request);
      for (const jobId of request.jobIds) this.stopped.get(jobId)?.();
      return Promise.resolve({ failures: [] });
    },
  };

  /** A job that runs until it is stopped. */
  async *untilStopped({ host }: RunTarget, signal: AbortSignal): AsyncGenerator<RunEvent> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.stopped.set(jobIdOf(host), resolve);
    const [started, ended] = ran(host, "", { ...DONE, status: "cancelled", reason: "stopped" });
    if (started !== undefined) yield started;
    await abortable(promise, signal);
    if (ended !== undefined) yield ended;
  }

  async *#run(request: RunJobsRequest, { signal }: CallOptions = {}) {
    this.requests.push(request);
    const left = signal ?? new AbortController().signal;
    const events: RunEvent[] = [];
    let wake = Promise.withResolvers<void>();
    let open = request.targets.length;
    let error: unknown;
    for (const target of request.targets) {
      this.started.push(target.host);
      this.mostAtWork = Math.max(this.mostAtWork, ++this.atWork);
      const follow = async () => {
        try {
          for await (const event of this.#behaviour(target, left)) {
            events.push(event);
            if (event.failure ?? event.log?.finishedJob) this.atWork--;
            wake.resolve();
          }
        } catch (thrown) {
          error = thrown;
        }
        open--;
        wake.resolve();
      };
      void follow();
    }
    while (open > 0 || events.length > 0) {
      if (events.length > 0) yield { events: events.splice(0) };
      else await wake.promise;
      wake = Promise.withResolvers();
    }
    if (error !== undefined) throw error;
  }
}
