import { abortable } from "../async/abortable.ts";
import { Batcher } from "../async/batcher.ts";
import { shareCall } from "../async/share_call.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { FrameConnection } from "../net/frame_connection.ts";
import type { ShellEnd } from "../process/proc_shell.ts";
import type { JobProgress } from "./executor.ts";
import {
  type CallAnswer,
  type CallName,
  type CallOptions,
  type CallRequest,
  errorFromData,
  type ExecutorCounts,
  type FromExecutor,
  type HeldJob,
  type Hello,
  PROTOCOL,
  type ToExecutor,
} from "./protocol.ts";
import { currentTrace } from "../tracing/trace.ts";
import { RemoteJob } from "./remote_job.ts";

/** How long an executor may take to say who it is. */
const HELLO_WITHIN_MS = 10_000;

/** How long to wait for how far jobs are; what was known last has to do then. */
const PROGRESS_WITHIN_MS = 2_000;

/**
 * How long a note may wait for something that it can be sent with: a wake-up of the executor costs both sides more than
 * what it does about a note, and nobody waits for that. The next engine copes with notes that have got lost.
 */
const NOTE_WITHIN_MS = 10;

/** Options of {@linkcode ExecutorClient.connect}. */
export interface ExecutorClientOptions {
  /** Absolute path of the executor's socket. */
  readonly socket: string;
  /** Where the logs of its jobs are. */
  readonly logs: string;
  /** Called for errors of a job that cannot be reported to its user. */
  readonly onFault: (error: unknown, jobId: string) => void;
  readonly onShellEnded?: (end: ShellEnd) => void;
}

/** An executor in a process of its own, as long as we are connected with it. */
export class ExecutorClient implements AsyncDisposable {
  readonly hello: Hello;
  /** The jobs that it holds. */
  readonly jobs = new Map<string, RemoteJob>();
  /** Settles when the connection has ended: the executor has died, unless we have closed it. */
  readonly closed: Promise<void>;
  readonly #options: ExecutorClientOptions;
  readonly #connection: FrameConnection;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #progress = new Batcher<string, Record<string, JobProgress>>(async (jobIds) =>
    await abortable(this.call("progress", { jobIds }), AbortSignal.timeout(PROGRESS_WITHIN_MS))
  );
  #notes: ToExecutor[] = [];
  #noteTimer: ReturnType<typeof setTimeout> | undefined;
  /**
   * What it has counted; `null` if it is of a build that cannot tell. Those who ask at the same time share a call.
   *
   * @throws `unavailable` if it is gone
   */
  readonly counts: () => Promise<ExecutorCounts | null> = shareCall(() => this.#counts());
  #lastId = 0;
  #isClosed = false;

  private constructor(
    options: ExecutorClientOptions,
    connection: FrameConnection,
    messages: AsyncIterator<FromExecutor>,
    hello: Hello,
  ) {
    this.#options = options;
    this.#connection = connection;
    this.hello = hello;
    for (const held of hello.jobs) this.jobs.set(held.jobId, this.#jobOf(held));
    for (const { jobId, outcome } of hello.jobs) {
      if (outcome !== null) this.jobs.get(jobId)?.end(outcome);
    }
    this.closed = this.#run(messages);
  }

  /**
   * Connects with an executor.
   *
   * @throws `unavailable` if none is there; `failed_precondition` if it has jobs, and speaks a protocol that we
   *   do not know
   */
  static async connect(options: ExecutorClientOptions): Promise<ExecutorClient> {
    let connection: FrameConnection;
    try {
      const path = options.socket;
      connection = new FrameConnection(await Deno.connect({ transport: "unix", path }));
    } catch (error) {
      throw noExecutor(options.socket, messageOf(error), error);
    }
    try {
      const messages = messagesOf(connection);
      const signal = AbortSignal.timeout(HELLO_WITHIN_MS);
      const { value: first } = await abortable(messages.next(), signal);
      if (first?.kind !== "hello") throw noExecutor(options.socket, "it says nothing");
      const { hello } = first;
      if (hello.protocol === PROTOCOL) {
        return new ExecutorClient(options, connection, messages, hello);
      }
      throw otherProtocol(options.socket, hello);
    } catch (error) {
      connection[Symbol.dispose]();
      if (error instanceof JobWorkerError) throw error;
      throw noExecutor(options.socket, messageOf(error), error);
    }
  }

  /** Whether the connection has ended. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Calls the executor.
   *
   * @throws what the executor throws; the reason of the signal; `unavailable` if the executor is gone
   */
  async call<Name extends CallName>(
    name: Name,
    request: CallRequest<Name>,
    { signal, bytes }: CallOptions = {},
  ): Promise<CallAnswer<Name>> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw gone();
    const id = ++this.#lastId;
    const pending = Promise.withResolvers<unknown>();
    this.#pending.set(id, pending);
    const onAbort = () => this.#send({ kind: "cancel", id });
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const trace = currentTrace();
      this.#send({ kind: "call", id, name, request, ...trace !== undefined && { trace } }, bytes);
      return await pending.promise as CallAnswer<Name>;
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#pending.delete(id);
    }
  }

  /** How far a job is. Those who ask at the same time share a call. */
  async progress(jobId: string): Promise<JobProgress | undefined> {
    return (await this.#progress.add(jobId))[jobId];
  }

  async #counts(): Promise<ExecutorCounts | null> {
    try {
      return await this.call("count", {});
    } catch (error) {
      if (this.#isClosed) throw error;
      return null;
    }
  }

  /** Starts a job that is prepared. */
  async launch(jobId: string, options: { readonly signal?: AbortSignal }): Promise<RemoteJob> {
    const launched = await this.call("launch", { jobId }, options);
    // Its end may have been told already.
    const job = this.jobs.get(jobId) ?? this.#jobOf({ jobId, ...launched, isConfirmed: false });
    job.launched(launched);
    this.jobs.set(jobId, job);
    return job;
  }

  /** Closes the connection; the jobs go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#sendNotes();
    await this.#connection.close();
    await this.closed;
  }

  #jobOf(held: Omit<HeldJob, "outcome">): RemoteJob {
    return new RemoteJob(held, {
      directory: `${this.#options.logs}/${held.jobId}`,
      call: (...args) => this.call(...args),
      note: (name) => this.#note({ kind: "note", name, jobId: held.jobId }),
      progress: () => this.progress(held.jobId),
      onReleased: () => this.jobs.delete(held.jobId),
    });
  }

  #note(note: ToExecutor): void {
    if (this.#isClosed) return;
    this.#notes.push(note);
    this.#noteTimer ??= setTimeout(() => this.#sendNotes(), NOTE_WITHIN_MS);
  }

  #sendNotes(): void {
    clearTimeout(this.#noteTimer);
    this.#noteTimer = undefined;
    for (const note of this.#notes) void this.#connection.send(note);
    this.#notes = [];
  }

  /** Sends a message, after the notes before it and in one write with them. */
  #send(message: ToExecutor, bytes?: Uint8Array<ArrayBuffer>): void {
    this.#sendNotes();
    void this.#connection.send(message, bytes === undefined ? [] : [bytes]);
  }

  async #run(messages: AsyncIterator<FromExecutor>): Promise<void> {
    try {
      for (let next = await messages.next(); !next.done; next = await messages.next()) {
        this.#take(next.value);
      }
    } catch {
      // It has died in the middle of a frame, or we have closed the connection.
    }
    this.#isClosed = true;
    clearTimeout(this.#noteTimer);
    for (const { reject } of this.#pending.values()) reject(gone());
    this.#pending.clear();
    this.#connection[Symbol.dispose]();
  }

  #take(message: FromExecutor): void {
    switch (message.kind) {
      case "answer":
        this.#pending.get(message.id)?.resolve(message.answer);
        break;
      case "error":
        this.#pending.get(message.id)?.reject(errorFromData(message.error));
        break;
      case "ended": {
        const { jobId, outcome } = message;
        const job = this.jobs.get(jobId) ?? this.#jobOf({
          jobId,
          pid: 0,
          processIdentity: "",
          isConfirmed: false,
        });
        this.jobs.set(jobId, job);
        job.end(outcome);
        break;
      }
      case "log":
        this.jobs.get(message.jobId)?.logChanged(message.state);
        break;
      case "fault":
        this.#options.onFault(new Error(message.message), message.jobId);
        break;
      case "shellEnded":
        this.#options.onShellEnded?.(message.end);
        break;
      case "hello":
        break;
    }
  }
}

async function* messagesOf(
  connection: FrameConnection,
): AsyncGenerator<FromExecutor, void, undefined> {
  for await (const { head } of connection.frames()) yield head as FromExecutor;
}

function noExecutor(socket: string, why: string, cause?: unknown): JobWorkerError {
  const message = `Cannot reach an executor at its socket "${socket}": ${why}`;
  return new JobWorkerError("unavailable", message, { cause });
}

/** An executor that we cannot talk to; while it has jobs nobody should go on without them. */
function otherProtocol(socket: string, { version, protocol, pid, jobs }: Hello): JobWorkerError {
  const why = `version ${version} speaks protocol ${protocol}, and this version speaks ${PROTOCOL}`;
  if (jobs.length === 0) return noExecutor(socket, why);
  return new JobWorkerError(
    "failed_precondition",
    `Cannot take up the jobs (${jobs.length}) of executor ${pid}: ${why}; start that version again until they ` +
      `have ended, or end them: kill ${pid}`,
  );
}

function gone(): JobWorkerError {
  return new JobWorkerError("unavailable", "The process that runs the jobs has ended");
}
