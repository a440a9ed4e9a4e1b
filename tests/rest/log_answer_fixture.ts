import { setImmediate } from "node:timers";
import { abortable } from "../../lib/async/abortable.ts";
import type { CallContext, LogBatch, StreamLogsRequest } from "../../lib/service/job_service.ts";
import { batchOf, DONE_JOB, JOB_ID, recordOf } from "./fixture.ts";

export const LOGS = `/v1/jobs/${JOB_ID}/logs`;

/**
 * A log with these batches stored, after which a follower gets those, and waits for ever unless one
 * of them has ended the job.
 */
export class FakeLog {
  readonly requests: StreamLogsRequest[] = [];
  readonly #stored: readonly LogBatch[];
  readonly #live: readonly LogBatch[];
  readonly #followed = Promise.withResolvers<void>();
  readonly #left = Promise.withResolvers<unknown>();

  constructor(stored: readonly LogBatch[], live: readonly LogBatch[] = []) {
    this.#stored = stored;
    this.#live = live;
  }

  /** Resolves once somebody waits for more. */
  get followed(): Promise<void> {
    return this.#followed.promise;
  }

  /** The reason of the signal, once the follower has gone. */
  get left(): Promise<unknown> {
    return this.#left.promise;
  }

  streamLogs = async function* (
    this: FakeLog,
    request: StreamLogsRequest,
    { signal }: CallContext,
  ): AsyncGenerator<LogBatch> {
    this.requests.push(request);
    // What there is comes at once, be it nothing.
    yield* request.follow && this.#stored.length === 0 ? [batchOf([])] : this.#stored;
    if (!request.follow || this.#stored.at(-1)?.finishedJob) return;
    yield* this.#live;
    if (this.#live.at(-1)?.finishedJob) return;
    this.#followed.resolve();
    try {
      await abortable(new Promise<never>(() => {}), signal);
    } catch (error) {
      this.#left.resolve(error);
      throw error;
    }
  }.bind(this);
}

export const STORED = [
  batchOf([recordOf(0, "one\n"), recordOf(4, [0xff, 0xc3], "stderr")]),
  batchOf([recordOf(6, "ü")]),
];
export const END = { ...batchOf([], DONE_JOB), nextOffset: 8 };

export const RECORD_LINES = [
  {
    offset: 0,
    time: "2023-11-14T22:13:20.000Z",
    stream: "stdout",
    data: "b25lCg==",
    text: "one\n",
  },
  { offset: 4, time: "2023-11-14T22:13:20.000Z", stream: "stderr", data: "/8M=" },
  { offset: 6, time: "2023-11-14T22:13:20.000Z", stream: "stdout", data: "w7w=", text: "ü" },
];

/** Lets everything go on that waits for no timer. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
