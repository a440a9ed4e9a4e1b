import { merge } from "../async/merge.ts";
import { Semaphore } from "../async/semaphore.ts";
import { CallLimit } from "../engine/call_limit.ts";
import { JobWorkerError } from "../errors.ts";
import { queueText } from "../job/job_words.ts";
import { type Command, type Job, type LogBatch, statusOf } from "../job/types.ts";
import type {
  CallContext,
  EarlyLog,
  JobService,
  RunEvent,
  RunFailureKind,
  RunJobsRequest,
  RunJobsResponse,
  RunTarget,
  StartJobRequest,
} from "../service/job_service.ts";
import { HOST_OFFLINE } from "./transport.ts";

/** How many targets are followed at once, each of which holds a little of its output. */
const MAX_TARGETS = { maxCalls: 16_384, maxCallsPerUser: 8_192 };

/** The bytes of commands that are on their way to hosts at a time. */
const STARTING = { total: 32 * 1024 * 1024, maxWaiting: Infinity, refusal: "" };

/** About what an answer holds, in bytes; a batch of output may go beyond it. */
const ANSWER_BYTES = 256 * 1024;

/** How much output of a target is fetched at a time: there may be a thousand of them. */
const BATCH_BYTES = 16 * 1024;

/** About what an event has beside its output. */
const EVENT_BYTES = 1024;

const NO_COMMAND: Command = { name: "", args: [], env: {}, workingDirectory: "" };

/** What {@linkcode RunJobs} needs of a hub. */
export interface RunJobsHub {
  readonly service: Pick<JobService, "streamLogs"> & {
    startJob(request: StartJobRequest, context: CallContext, early: EarlyLog): Promise<Job>;
  };
  /** Whether a start that has failed may have come to a host all the same. */
  readonly mayHaveStarted: (owner: string, requestId: string) => Promise<boolean>;
}

/** Runs commands on many hosts at once, each as if it had been started and followed by itself. */
export class RunJobs {
  readonly #hub: RunJobsHub;
  readonly #limit = new CallLimit(MAX_TARGETS);
  readonly #starting = new Semaphore(STARTING);

  constructor(hub: RunJobsHub) {
    this.#hub = hub;
  }

  /** What comes of each target. Only the signal ends it early, with its reason. */
  async *run(
    { targets, ...job }: RunJobsRequest,
    { caller, signal }: CallContext,
  ): AsyncGenerator<RunJobsResponse, void, undefined> {
    const left = new AbortController();
    const context = { caller, signal: AbortSignal.any([signal, left.signal]) };
    const bytes = JSON.stringify(job).length;
    const sources = targets.map((target) => this.#runAt(target, { job, bytes }, context));
    const leave = () => left.abort();
    for await (const events of merge(sources, { maxSize: ANSWER_BYTES, sizeOf, leave })) {
      yield { events };
    }
  }

  async *#runAt(
    target: RunTarget,
    { job, bytes }: { job: Omit<RunJobsRequest, "targets">; bytes: number },
    context: CallContext,
  ): AsyncGenerator<RunEvent, void, undefined> {
    const { host, requestId, offset } = target;
    const { user } = context.caller.identity;
    const early: LogBatch[] = [];
    let { jobId } = target;
    try {
      using counted = this.#limit.enter();
      counted.assign(user, true);
      if (jobId === "") {
        const started = await this.#start({ ...job, requestId }, host, { bytes, early }, context);
        jobId = started.jobId;
        yield { host, job: withoutCommand(started) };
        // It was to wait for nothing, so it waits for its host to say whether it has it.
        if (!job.queue && statusOf(started) === "queued") {
          const message = queueText(started);
          yield { host, failure: { kind: "unanswered", message } };
          return;
        }
      }
      for await (const log of this.#follow(jobId, { host, offset, early }, context)) {
        yield { host, log };
      }
    } catch (error) {
      // Nobody is there any more whom it could be told.
      if (context.signal.aborted || !(error instanceof JobWorkerError)) throw error;
      const mayRun = error.code !== "already_exists" &&
        (jobId !== "" || await this.#hub.mayHaveStarted(user, requestId));
      yield { host, failure: { kind: kindOf(error, mayRun), message: error.message } };
    }
  }

  async #start(
    request: Omit<RunJobsRequest, "targets"> & { readonly requestId: string },
    host: string,
    { bytes, early }: { readonly bytes: number; readonly early: LogBatch[] },
    context: CallContext,
  ): Promise<Job> {
    using _room = await this.#starting.acquire(bytes, context.signal);
    const on = { host, labels: {} };
    // By itself a hub has a job wait for a host that is full.
    const job = await this.#hub.service.startJob({ queue: false, ...request, on }, context, {
      batchBytes: BATCH_BYTES,
      take: (batch) => void early.push(batch),
    });
    if (job.host === undefined || job.host === host) return job;
    // A repeat goes to where the first went, whatever it says.
    const text = `Cannot start a job on host "${host}": the request id "${request.requestId}" ` +
      `is that of job "${job.jobId}" on host "${job.host}"`;
    throw new JobWorkerError("already_exists", text);
  }

  /** What a job prints, and its end. */
  async *#follow(
    jobId: string,
    { host, offset, early }: FollowOptions,
    context: CallContext,
  ): AsyncGenerator<LogBatch, void, undefined> {
    for await (const batch of this.#log(jobId, offset, early, context)) {
      const { finishedJob, gap } = batch;
      if (finishedJob !== null) {
        const on = { host, labels: {} };
        yield { ...batch, finishedJob: { ...withoutCommand(finishedJob), host, on } };
        return;
      }
      // The first one is empty, unless something has been printed already.
      if (batch.records.length > 0 || gap !== undefined) yield batch;
    }
  }

  /** Holds nothing of what has come with the start once it is told: a job may go on for days, and there are many. */
  async *#log(
    jobId: string,
    offset: number,
    early: LogBatch[],
    context: CallContext,
  ): AsyncGenerator<LogBatch, void, undefined> {
    let nextOffset = offset;
    for (let batch = early.shift(); batch !== undefined; batch = early.shift()) {
      nextOffset = batch.nextOffset;
      yield batch;
    }
    const start = { kind: "offset", offset: nextOffset } as const;
    const request = { jobId, streams: [], follow: true, start, batchBytes: BATCH_BYTES };
    yield* this.#hub.service.streamLogs(request, context);
  }
}

/** Where to follow a job from. */
interface FollowOptions {
  readonly host: string;
  readonly offset: number;
  /** What came with the start; taken out as it is told. */
  readonly early: LogBatch[];
}

function kindOf(error: JobWorkerError, mayRun: boolean): RunFailureKind {
  if (mayRun) return "unanswered";
  return error.reason === HOST_OFFLINE ? "offline" : "refused";
}

function withoutCommand(job: Job): Job {
  return { ...job, command: NO_COMMAND };
}

function sizeOf({ log }: RunEvent): number {
  const records = log?.records ?? [];
  return records.reduce((sum, { data }) => sum + data.byteLength, EVENT_BYTES);
}
