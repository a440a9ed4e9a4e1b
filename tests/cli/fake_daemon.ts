/** A daemon and a terminal that exist only in memory. */

import { abortable } from "../../lib/async/abortable.ts";
import { Interrupted, type Io, type Output, OutputClosed } from "../../lib/cli/io.ts";
import type {
  CallOptions,
  Job,
  JobClient,
  JobEnd,
  ListJobsRequest,
  LogBatch,
  LogRecord,
  LogStream,
} from "../../lib/cli/job_client.ts";
import { main } from "../../lib/cli/main.ts";
import { UserDirectory } from "../../lib/cli/user_directory.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { matches } from "../../lib/job/matches.ts";
import { job } from "../executor/job_fixture.ts";

export const JOB_ID = "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

/** 2026-07-31T09:30:00.000Z */
export const STARTED_AT = 1_785_490_200_000;

export const DONE: JobEnd = {
  status: "done",
  reason: "exited",
  exitStatus: { code: 0 },
  finishedAt: STARTED_AT + 90_000,
};

export function jobOf(changes: Partial<Job> = {}): Job {
  return job({
    jobId: JOB_ID,
    command: { name: "sh", args: ["-c", "echo hi"], env: {}, workingDirectory: "" },
    pid: 4711,
    startedAt: STARTED_AT,
    stdoutBytes: 3,
    ...changes,
  });
}

/** A job that waits in the queue. */
export const QUEUED: Job = jobOf({
  pid: 0,
  stdoutBytes: 0,
  queuedAt: STARTED_AT,
  queue: { position: 3, length: 7, reason: "all are taken" },
  startedAt: null,
  liveStatus: "queued",
});

/** Records of `stream: bytes or text`, one millisecond apart. */
export function recordsOf(
  ...pieces: (readonly [LogStream, string | readonly number[]])[]
): LogRecord[] {
  let offset = 0;
  return pieces.map(([stream, piece], index) => {
    const data = typeof piece === "string"
      ? new TextEncoder().encode(piece)
      : Uint8Array.from(piece);
    const record = { offset, time: STARTED_AT + index, stream, data };
    offset += data.length;
    return record;
  });
}

/** One batch per list of records; the last one tells the end. */
export function batchesOf(finishedJob: Job | null, ...lists: LogRecord[][]): LogBatch[] {
  const batches: LogBatch[] = lists.map((records) => ({
    records,
    nextOffset: 0,
    finishedJob: null,
  }));
  return [...batches, { records: [], nextOffset: 0, finishedJob }];
}

/** A client whose every call fails, except those that the test gives. */
export function clientOf(calls: Partial<JobClient>): JobClient {
  const refuse = (name: string) => () => Promise.reject(new Error(`Unexpected call of ${name}`));
  return {
    startJob: refuse("startJob"),
    stopJob: refuse("stopJob"),
    getJob: refuse("getJob"),
    listJobs: refuse("listJobs"),
    waitJob: refuse("waitJob"),
    signalJob: refuse("signalJob"),
    updateJob: refuse("updateJob"),
    writeInput: refuse("writeInput"),
    pruneJobs: refuse("pruneJobs"),
    listHosts: refuse("listHosts"),
    stopJobs: refuse("stopJobs"),
    runJobs: () => {
      throw new Error("Unexpected call of runJobs");
    },
    checkHealth: refuse("checkHealth"),
    streamLogs: () => {
      throw new Error("Unexpected call of streamLogs");
    },
    watchJobs: () => {
      throw new Error("Unexpected call of watchJobs");
    },
    streamAudit: () => {
      throw new Error("Unexpected call of streamAudit");
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
    ...calls,
  };
}

/** A `listJobs` that answers from these jobs, which are all of the caller's own. */
export function lister(jobs: readonly Job[]): JobClient["listJobs"] {
  return ({ filter, pageSize }: ListJobsRequest) => {
    const matching = jobs.filter((job) => matches(job, filter));
    return Promise.resolve({
      jobs: matching.slice(0, pageSize),
      nextPageToken: matching.length > pageSize ? "more" : "",
    });
  };
}

/** A stream that hands out batches, then stays open until it is aborted if `open` is set. */
export function streamer(
  batches: readonly LogBatch[],
  { open = false }: { open?: boolean } = {},
): JobClient["streamLogs"] {
  return async function* (_request, options: CallOptions = {}) {
    for (const batch of batches) {
      options.signal?.throwIfAborted();
      yield batch;
    }
    if (open) await rejection(options);
  };
}

/** A call that is never answered: it rejects once it is aborted. */
export async function rejection({ signal }: CallOptions = {}): Promise<never> {
  return await abortable(new Promise<never>(() => {}), signal);
}

/** An output that keeps what is written to it. */
export class FakeOutput implements Output {
  readonly isTerminal: boolean;
  readonly columns = 80;
  readonly rows: number = 24;
  readonly writes: Uint8Array[] = [];
  readonly #waiters = new Set<() => void>();
  /** True once its reader has gone. */
  closed = false;

  constructor(isTerminal: boolean) {
    this.isTerminal = isTerminal;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.closed) return Promise.reject(new OutputClosed("closed"));
    this.writes.push(bytes.slice());
    for (const waiter of this.#waiters) waiter();
    return Promise.resolve();
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.writes.flatMap((write) => [...write]));
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  /** Resolves once the text has come. */
  async includes(text: string): Promise<void> {
    while (!this.text.includes(text)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.add(resolve);
      await promise;
      this.#waiters.delete(resolve);
    }
  }
}

export interface FakeIoOptions
  extends Partial<Pick<Io, "stdin" | "connectRest" | "askPassword" | "confirm" | "readTextFile">> {
  readonly terminal?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  /** What connecting ends in, in place of the client. */
  readonly connectError?: JobWorkerError;
}

/** A world with a fake terminal, whose daemon is `client`. */
export class FakeIo implements Io {
  readonly stdin: Io["stdin"];
  readonly stdout: FakeOutput;
  readonly stderr: FakeOutput;
  readonly environment: Io["environment"];
  readonly directory: UserDirectory;
  readonly connect: Io["connect"];
  readonly connectRest: Io["connectRest"];
  readonly askPassword: Io["askPassword"];
  readonly confirm: Io["confirm"];
  readonly readTextFile: Io["readTextFile"];
  readonly hostNames = (): readonly string[] => ["build-7"];
  readonly #first = new AbortController();
  readonly #second = new AbortController();
  /** Breaks the connection, as the client sees it. */
  breakConnection: () => void = () => {};
  /** Is connected to, and does not answer; `undefined` where nobody would wait for that. */
  beSilent: (() => void) | undefined;

  constructor(calls: Partial<JobClient>, options: FakeIoOptions = {}) {
    const { terminal = false, environment = {}, connectError } = options;
    this.stdout = new FakeOutput(terminal);
    this.stderr = new FakeOutput(terminal);
    this.environment = (name) => environment[name];
    this.directory = UserDirectory.of(this.environment);
    const refuse = (name: string) => () => Promise.reject(new Error(`Unexpected call of ${name}`));
    this.stdin = options.stdin ?? { read: refuse("stdin.read") };
    this.connectRest = options.connectRest ?? refuse("connectRest");
    this.askPassword = options.askPassword ?? refuse("askPassword");
    this.confirm = options.confirm ?? null;
    this.readTextFile = options.readTextFile ?? refuse("readTextFile");
    this.connect = (_settings, { onReconnecting, onSilence }) => {
      this.breakConnection = onReconnecting;
      this.beSilent = onSilence;
      if (connectError !== undefined) return Promise.reject(connectError);
      return Promise.resolve(clientOf(calls));
    };
  }

  get interrupted(): AbortSignal {
    return this.#first.signal;
  }

  get interruptedAgain(): AbortSignal {
    return this.#second.signal;
  }

  /** Presses Ctrl-C. */
  interrupt(): void {
    (this.#first.signal.aborted ? this.#second : this.#first).abort(new Interrupted("SIGINT"));
  }

  /** Closes the terminal, as far as it is told by a signal. */
  hangUp(): void {
    for (const controller of [this.#first, this.#second]) {
      controller.abort(new Interrupted("SIGHUP"));
    }
  }
}

/** What one run of the command line came to. */
export interface Outcome {
  readonly exitStatus: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line against a fake daemon to its end. */
export async function runCli(
  args: readonly string[],
  calls: Partial<JobClient> = {},
  options: FakeIoOptions = {},
): Promise<Outcome> {
  const io = new FakeIo(calls, options);
  const exitStatus = await main(args, io);
  return { exitStatus, stdout: io.stdout.text, stderr: io.stderr.text };
}
