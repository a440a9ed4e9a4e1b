import { abortable } from "../async/abortable.ts";
import { messageOf } from "../errors.ts";
import { flushCounts } from "../files/flush.ts";
import { FrameConnection } from "../net/frame_connection.ts";
import type { ShellEnd } from "../process/proc_shell.ts";
import type { JobOutcome } from "./executor.ts";
import type { LocalExecutor } from "./local_executor.ts";
import type { LocalJob } from "./local_job.ts";
import { type LogState, logStateOf } from "./mirrored_log.ts";
import type { OutcomeFiles } from "./outcome_files.ts";
import {
  type CallAnswer,
  type CallName,
  type CallRequest,
  errorToData,
  type ExecutorCounts,
  type ExecutorSettings,
  type FromExecutor,
  type HeldJob,
  type Hello,
  type NoteName,
  PROTOCOL,
  type ToExecutor,
} from "./protocol.ts";
import { traced } from "../tracing/trace.ts";
import { tellGrowth } from "./tell_growth.ts";

/** How long an engine has to take what it is told at the end. */
const TOLD_WITHIN_MS = 1_000;

/** How long to wait before an outcome is stored again that could not be. */
const STORE_AGAIN_MS = 1_000;

/** Options of an {@linkcode ExecutorServer}. */
export interface ExecutorServerOptions {
  readonly executor: LocalExecutor;
  readonly outcomes: OutcomeFiles;
  /** See `Hello`. */
  readonly version: string;
  readonly settings: ExecutorSettings;
  /** Called each time that there may be no more to do, since an engine has left or a job has gone. */
  readonly onChanged: () => void;
}

/** How each call is answered. */
type Handlers = {
  readonly [Name in CallName]: (
    request: CallRequest<Name>,
    context: { readonly signal: AbortSignal; readonly bytes: Uint8Array<ArrayBuffer> },
  ) => Promise<CallAnswer<Name>>;
};

/** A job that is held until its end is recorded. */
interface Held {
  readonly job: LocalJob;
  outcome: JobOutcome | null;
  /** Whether the outcome is on the disk. */
  isStored: boolean;
  /** Settles once the engine has been told the outcome, or it is on the disk. */
  settled: Promise<void>;
}

/** Lets an engine use an executor over a connection: one engine after the other, while jobs go on. */
export class ExecutorServer {
  readonly #options: ExecutorServerOptions;
  readonly #held = new Map<string, Held>();
  /** Those of the engine that is connected. */
  readonly #followed = new Map<string, AbortController>();
  readonly #handlers: Handlers;
  /** What jobs that have ended have printed, in bytes. */
  readonly #printed = { stdout: 0, stderr: 0 };
  #send: ((message: FromExecutor) => Promise<void>) | null = null;
  #connection: FrameConnection | null = null;
  #retired = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ExecutorServerOptions) {
    this.#options = options;
    this.#handlers = this.#makeHandlers();
  }

  /** Whether an engine is connected. */
  get isConnected(): boolean {
    return this.#send !== null;
  }

  /** Whether it takes no more jobs. */
  get isRetired(): boolean {
    return this.#retired;
  }

  /** How many jobs have processes. */
  get running(): number {
    return [...this.#held.values()].filter(({ outcome }) => outcome === null).length;
  }

  /** How many jobs have ended, and their outcome is neither recorded nor on the disk. */
  get unstored(): number {
    return [...this.#held.values()].filter((held) => held.outcome !== null && !held.isStored)
      .length;
  }

  /** How many jobs are held, those that have ended included. */
  get size(): number {
    return this.#held.size;
  }

  /** Ends every job by SIGKILL, and waits until their ends are told, or stored if nobody is there. */
  async killAll(): Promise<void> {
    await Promise.all([...this.#held.values()].map(async ({ job, settled }) => {
      await job.stop({ stopSignal: "KILL", gracePeriodMs: 0, reason: "shutdown" });
      await settled;
    }));
  }

  /** Ends the connection with an engine, if there is one, once it has been told all that there is to tell. */
  async close(): Promise<void> {
    const connection = this.#connection;
    if (connection === null) return;
    // One that does not read must not hold us up.
    await abortable(connection.close(), AbortSignal.timeout(TOLD_WITHIN_MS)).catch(() => {});
    connection[Symbol.dispose]();
  }

  /** Tells of an error that no caller can be told. */
  reportFault(error: unknown, jobId: string): void {
    this.#tell({ kind: "fault", jobId, message: messageOf(error) });
  }

  reportShellEnd(end: ShellEnd): void {
    this.#tell({ kind: "shellEnded", end });
  }

  /** Serves an engine until it leaves. What it has asked for is settled then. */
  async serve(connection: Deno.Conn): Promise<void> {
    const frames = new FrameConnection(connection);
    const send = (message: FromExecutor) => frames.send(message);
    const open = new Map<number, AbortController>();
    const answers = new Set<Promise<void>>();
    this.#connection = frames;
    this.#send = send;
    void send({ kind: "hello", hello: this.#hello() });
    try {
      await this.#read(frames, open, answers);
    } catch {
      // Whoever sends what is no message is no engine of ours.
    }
    this.#send = null;
    this.#connection = null;
    for (const controller of [...open.values(), ...this.#followed.values()]) controller.abort();
    this.#followed.clear();
    await Promise.all(answers);
    this.#options.executor.forgetPrepared();
    frames[Symbol.dispose]();
    // What it was told of may not be recorded.
    await this.#storeAll();
  }

  /** Begins to do what an engine asks for, until it leaves. */
  async #read(
    frames: FrameConnection,
    open: Map<number, AbortController>,
    answers: Set<Promise<void>>,
  ): Promise<void> {
    for await (const { head, bytes } of frames.frames()) {
      const message = head as ToExecutor;
      if (message.kind === "cancel") {
        open.get(message.id)?.abort();
        continue;
      }
      if (message.kind === "note") {
        this.#note(message.name, message.jobId);
        continue;
      }
      const { id, name, request, trace } = message;
      const controller = new AbortController();
      open.set(id, controller);
      const context = { signal: controller.signal, bytes };
      const answer = () => this.#answer(name, request, context);
      // What no client has asked for is part of no trace.
      const answered = (trace === undefined
        ? answer()
        : traced(`executor ${name}`, { kind: "server", parent: trace }, answer))
        .then((answer) =>
          frames.send({ kind: "answer", id, answer })
        )
        .catch((error) => frames.send({ kind: "error", id, error: errorToData(error) }))
        .finally(() => {
          open.delete(id);
          answers.delete(answered);
        });
      answers.add(answered);
    }
  }

  async #answer(
    name: CallName,
    request: unknown,
    context: { signal: AbortSignal; bytes: Uint8Array<ArrayBuffer> },
  ): Promise<unknown> {
    const handle = this.#handlers[name] as ((...args: unknown[]) => Promise<unknown>) | undefined;
    if (handle === undefined) throw new Error(`This executor knows no call "${name}"`);
    return await handle(request, context);
  }

  #note(name: NoteName, jobId: string): void {
    switch (name) {
      case "confirm":
        this.#held.get(jobId)?.job.confirm();
        break;
      case "closeLog":
        this.#followed.get(jobId)?.abort();
        this.#followed.delete(jobId);
        break;
      case "release":
        void this.#release(jobId);
        break;
    }
  }

  async #release(jobId: string): Promise<void> {
    const held = this.#held.get(jobId);
    this.#held.delete(jobId);
    try {
      // It may be on its way there.
      await held?.settled;
      if (held?.isStored) await this.#options.outcomes.remove(jobId);
    } catch (error) {
      this.reportFault(error, jobId);
    }
    this.#options.onChanged();
  }

  #hello(): Hello {
    const { executor: { containment, isApart }, version, settings } = this.#options;
    const jobs: HeldJob[] = [...this.#held.values()].map(({ job, outcome }) => {
      const { jobId, pid, processIdentity, isConfirmed } = job;
      return { jobId, pid, processIdentity, isConfirmed, outcome };
    });
    return { protocol: PROTOCOL, version, pid: Deno.pid, containment, isApart, settings, jobs };
  }

  #tell(message: FromExecutor): void {
    void this.#send?.(message);
  }

  #jobOf(jobId: string): LocalJob {
    const held = this.#held.get(jobId);
    if (held === undefined) throw new Error(`This executor holds no job "${jobId}"`);
    return held.job;
  }

  #makeHandlers(): Handlers {
    const { executor, outcomes, onChanged } = this.#options;
    return {
      prepare: async (request, { signal }) => {
        if (this.#retired) throw new Error("This executor takes no more jobs");
        // A job's user can suspend what looks at files as that user: the next engine must not wait for that.
        return await executor.prepare(request, { signal });
      },
      launch: async ({ jobId }, { signal }) => {
        const job = await executor.launch(jobId, { signal });
        this.#hold(job);
        const { pid, processIdentity } = job;
        return { pid, processIdentity };
      },
      abandon: async ({ jobId }) => {
        await outcomes.remove(jobId);
        this.#held.delete(jobId);
        await executor.abandon(jobId);
        onChanged();
        return null;
      },
      killLeftovers: async ({ jobs }) => {
        await executor.adopt(jobs.filter(({ job }) => !this.#held.has(job.jobId)));
        return null;
      },
      progress: async ({ jobIds }) => {
        const entries = jobIds.flatMap((jobId) => this.#held.get(jobId)?.job ?? [])
          .map(async (job) => [job.jobId, await job.progress()] as const);
        return Object.fromEntries(await Promise.all(entries));
      },
      stop: async ({ jobId, options }) => {
        await this.#jobOf(jobId).stop(options);
        return null;
      },
      signal: async ({ jobId, signal }) => {
        await this.#jobOf(jobId).signal(signal);
        return null;
      },
      setTimeLimit: async ({ jobId, ms }) => {
        await this.#jobOf(jobId).setTimeLimit(ms);
        return null;
      },
      writeInput: ({ jobId, offset }, { signal, bytes }) =>
        this.#jobOf(jobId).writeInput(offset, bytes, signal),
      closeInput: async ({ jobId }) => {
        await this.#jobOf(jobId).closeInput();
        return null;
      },
      openLog: ({ jobId }) => {
        const { log } = this.#jobOf(jobId);
        this.#followed.get(jobId)?.abort();
        const controller = new AbortController();
        this.#followed.set(jobId, controller);
        const tell = async (state: LogState) => await this.#send?.({ kind: "log", jobId, state });
        void tellGrowth(log, tell, controller.signal);
        return Promise.resolve(logStateOf(log));
      },
      logState: ({ jobId }) => Promise.resolve(logStateOf(this.#jobOf(jobId).log)),
      setRetired: ({ retired }) => {
        this.#retired = retired;
        onChanged();
        return Promise.resolve(null);
      },
      count: () => Promise.resolve(this.#counts()),
    };
  }

  #counts(): ExecutorCounts {
    const written = { ...this.#printed };
    for (const { job: { log }, outcome } of this.#held.values()) {
      if (outcome !== null) continue;
      written.stdout += log.stdoutBytes;
      written.stderr += log.stderrBytes;
    }
    return { residentBytes: Deno.memoryUsage().rss, written, flushes: flushCounts() };
  }

  #hold(job: LocalJob): void {
    const held: Held = { job, outcome: null, isStored: false, settled: Promise.resolve() };
    this.#held.set(job.jobId, held);
    void this.#tellFirstGrowth(job);
    held.settled = job.ended.then(async (outcome) => {
      held.outcome = outcome;
      this.#printed.stdout += outcome.stdoutBytes;
      this.#printed.stderr += outcome.stderrBytes;
      // What is told of its log is not overtaken by its end, and who comes next need not look for it on the disk.
      if (this.#followed.has(job.jobId) || job.log.endOffset > 0) {
        this.#tell({ kind: "log", jobId: job.jobId, state: logStateOf(job.log) });
      }
      this.#tell({ kind: "ended", jobId: job.jobId, outcome });
      // An engine that is there records it at once.
      if (!this.isConnected) await this.#store(held);
      this.#options.onChanged();
    });
  }

  /** Most jobs are read as soon as they print something. This spares whoever does so the time to ask for it. */
  async #tellFirstGrowth({ jobId, log }: LocalJob): Promise<void> {
    if (log.endOffset === 0) await log.changed();
    if (log.endOffset === 0 || this.#followed.has(jobId)) return;
    this.#tell({ kind: "log", jobId, state: logStateOf(log) });
  }

  /** Keeps the outcome of a job on the disk, as this process may be gone when the next engine asks. */
  async #store(held: Held): Promise<void> {
    const { job: { jobId, isConfirmed }, outcome } = held;
    if (outcome === null || held.isStored) return;
    try {
      await this.#options.outcomes.write(jobId, { ...outcome, isConfirmed });
      held.isStored = true;
    } catch (error) {
      // It is still held here, and a full disk has room again some day.
      this.reportFault(error, jobId);
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => void this.#storeAll(), STORE_AGAIN_MS);
    }
  }

  /** Keeps what nobody is there to record. */
  async #storeAll(): Promise<void> {
    for (const held of this.#held.values()) if (!this.isConnected) await this.#store(held);
    this.#options.onChanged();
  }
}
