import { abortable } from "../async/abortable.ts";
import { delay } from "../async/delay.ts";
import { messageOf } from "../errors.ts";
import type { ExecutorClient } from "../executor/client.ts";
import { EndedJob } from "../executor/ended_job.ts";
import type {
  AdoptedJobs,
  Executor,
  LaunchRequest,
  PreparedJob,
  RunningJob,
} from "../executor/executor.ts";
import { OutcomeFiles } from "../executor/outcome_files.ts";
import type { RemoteJob } from "../executor/remote_job.ts";
import { isLasting } from "../files/lasting.ts";
import type { StoredJob } from "../job/job_store.ts";
import { type Containment, LOG_STREAMS } from "../job/types.ts";
import type { Exposition } from "../metrics/exposition.ts";
import { LogLibrary } from "../log/log_library.ts";
import { connect, type ExecutorOptions, isOurs, startOrReuse } from "./connect_executor.ts";
import { executorErrors, executorSockets, LOGS, OUTCOMES } from "./data_directory.ts";
import { diagnostics } from "./diagnostics.ts";
import {
  killProcess,
  lastWords,
  processEnded,
  removeLeftCgroups,
  removeSocket,
} from "./executor_process.ts";
import { isBusy } from "./is_busy.ts";
import { type Measured, measureProcess } from "./measured.ts";

/** How long an executor may take to answer when it must, and how often it is asked. */
const ANSWER_WITHIN_MS = 5_000;
const ASK_EVERY_MS = 1_000;

/**
 * The executors of a daemon: one of this build for new jobs, and those of earlier builds, or other settings,
 * until their last job has ended. One that dies is replaced; what it held is ended, and lost unless its
 * outcome is on the disk.
 */
export class ExecutorKeeper implements Executor, Measured {
  readonly containment: Containment;
  readonly #options: ExecutorOptions;
  readonly #outcomes: OutcomeFiles;
  readonly #clients = new Map<string, ExecutorClient>();
  /** Who has prepared a job that is about to start. */
  readonly #preparedBy = new Map<string, ExecutorClient>();
  /** The one for new jobs; `null` if it has died and nobody has asked for the next one. */
  #current: Promise<ExecutorClient> | null;
  /** Whether every executor that was found was alive. */
  readonly #allAnswered: boolean;
  /** Settles once what an executor that is gone has left is removed. */
  readonly #cleaned = new WeakMap<ExecutorClient, Promise<unknown>>();
  #closing: "no" | "end" | "hand over" = "no";
  /** How many have died. */
  #deaths = 0;

  private constructor(options: ExecutorOptions, parts: {
    readonly outcomes: OutcomeFiles;
    readonly clients: ReadonlyMap<string, ExecutorClient>;
    readonly current: ExecutorClient;
    readonly allAnswered: boolean;
  }) {
    this.containment = parts.current.hello.containment;
    this.#options = options;
    this.#outcomes = parts.outcomes;
    this.#current = Promise.resolve(parts.current);
    this.#allAnswered = parts.allAnswered;
    for (const [socket, client] of parts.clients) this.#watch(socket, client);
  }

  /** Connects with the executors that there are, and starts one unless one of them will do. */
  static async open(options: ExecutorOptions): Promise<ExecutorKeeper> {
    const { dataDirectory } = options;
    const outcomes = await OutcomeFiles.open(`${dataDirectory}/${OUTCOMES}`);
    // An executor finds this there, too.
    await using _logs = await LogLibrary.open(`${dataDirectory}/${LOGS}`);
    const clients = new Map<string, ExecutorClient>();
    let allAnswered = true;
    let current: ExecutorClient | null = null;
    try {
      for (const socket of executorSockets(dataDirectory)) {
        if (await Deno.lstat(socket).catch(() => null) === null) continue;
        try {
          const client = await connect(socket, options);
          clients.set(socket, client);
          if (isOurs(client, options)) current ??= client;
          warnIfMoved(client, dataDirectory);
        } catch (error) {
          // One that has just ended by itself has taken its socket with it.
          if (await Deno.lstat(socket).catch(() => null) === null) continue;
          if (isLasting(error)) throw error;
          allAnswered = false;
          diagnostics.warn("{why}", { why: messageOf(error) });
          await removeSocket(socket);
        }
      }
      current ??= await startOrReuse(options, clients);
      for (const client of clients.values()) {
        await client.call("setRetired", { retired: client !== current });
      }
      return new ExecutorKeeper(options, { outcomes, clients, current, allAnswered });
    } catch (error) {
      // Each serves one engine at a time, and so would have none for whoever tries again.
      for (const client of clients.values()) await client[Symbol.asyncDispose]();
      throw error;
    }
  }

  async prepare(request: LaunchRequest): Promise<PreparedJob> {
    const client = await this.#newest();
    try {
      return await this.#prepareBy(client, request);
    } catch (error) {
      // It has just died, and nothing was made yet. What its successor dies of may be this very job.
      if (!client.isClosed || this.#closing !== "no") throw error;
      return await this.#prepareBy(await this.#newest(), request);
    }
  }

  async #prepareBy(client: ExecutorClient, request: LaunchRequest): Promise<PreparedJob> {
    const prepared = await client.call("prepare", request);
    this.#preparedBy.set(request.jobId, client);
    return prepared;
  }

  async launch(
    jobId: string,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<RunningJob> {
    const client = this.#preparedBy.get(jobId);
    if (client === undefined) throw new TypeError(`Cannot launch job "${jobId}": not prepared`);
    this.#preparedBy.delete(jobId);
    return await client.launch(jobId, options);
  }

  async abandon(jobId: string): Promise<void> {
    const preparedBy = this.#preparedBy.get(jobId);
    this.#preparedBy.delete(jobId);
    // It was not launched: nothing of it is anywhere but there.
    if (preparedBy?.isClosed) return;
    if (preparedBy !== undefined) {
      await preparedBy.call("abandon", { jobId });
      return;
    }
    for (const { jobs } of this.#clients.values()) jobs.delete(jobId);
    const client = await this.#newest();
    // Its executor may have died just when it had got a process.
    const job = { jobId, pid: 0, containment: this.containment };
    await client.call("killLeftovers", { jobs: [{ job, processIdentity: "" }] });
    await client.call("abandon", { jobId });
  }

  async adopt(jobs: readonly StoredJob[]): Promise<AdoptedJobs> {
    const held: RunningJob[] = [...this.#clients.values()].flatMap((
      { jobs },
    ) => [...jobs.values()]);
    const isHeld = new Set(held.map(({ jobId }) => jobId));
    const rest: StoredJob[] = [];
    for (const stored of jobs.filter(({ job }) => !isHeld.has(job.jobId))) {
      const { jobId } = stored.job;
      const outcome = await this.#outcomes.read(jobId);
      if (outcome === null) {
        rest.push(stored);
        continue;
      }
      const directory = `${this.#options.dataDirectory}/${LOGS}/${jobId}`;
      const onReleased = () =>
        void this.#outcomes.remove(jobId).catch((error) => this.#options.onFault(error, jobId));
      held.push(new EndedJob(stored, outcome, { directory, onReleased }));
    }
    await this.#killLeftovers(rest);
    // The end of others was recorded just before whoever recorded it died.
    await this.#outcomes.removeOthers(new Set(held.map(({ jobId }) => jobId)));
    return { held, isComplete: this.#allAnswered };
  }

  async measure(exposition: Exposition): Promise<void> {
    exposition.add("job_worker_process_restarts_total", { role: "executor" }, this.#deaths);
    await Promise.all(Array.from(this.#clients, async ([socket, client]) => {
      const process = `executor-${executorSockets(this.#options.dataDirectory).indexOf(socket)}`;
      const counts = await measureProcess(exposition, process, client.counts());
      if (counts === null) return;
      for (const stream of LOG_STREAMS) {
        const labels = { process, stream };
        exposition.add("job_worker_log_written_bytes_total", labels, counts.written[stream]);
      }
    }));
  }

  /** Whether a service manager that restarts the daemon would leave every executor and its jobs alone. */
  get areApart(): boolean {
    return [...this.#clients.values()].every(({ hello }) => hello.isApart);
  }

  /**
   * Kills executors that do not answer, until the signal: whoever waits for their jobs to end would wait for ever.
   * What such an executor leaves is ended as if it had died. One that only has too much to do is left.
   */
  async killSilent(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await Promise.all(
          [...this.#clients.values()].map((client) => this.#killIfSilent(client, signal)),
        );
        await delay(ASK_EVERY_MS, { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #killIfSilent(client: ExecutorClient, signal: AbortSignal): Promise<void> {
    const { pid } = client.hello;
    const { setsid } = this.#options;
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
    const answer = abortable(client.call("progress", { jobIds: [] }), timeout);
    if (await answer.then(() => true, () => client.isClosed)) return;
    signal.throwIfAborted();
    if (await isBusy(pid, { setsid, signal })) return;
    diagnostics.error("Executor {pid} does not answer: it is killed, and its jobs with it", {
      pid,
    });
    await killProcess(pid, setsid);
  }

  /** Has the executors go on when this is disposed of. Otherwise they end. */
  handOver(): void {
    this.#closing = "hand over";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing === "no") this.#closing = "end";
    const current = await this.#current?.catch(() => null) ?? null;
    await Promise.all([...this.#clients.values()].map(async (client) => {
      if (this.#closing === "end") {
        await client.call("setRetired", { retired: true }).catch(() => {});
      }
      await client[Symbol.asyncDispose]();
      await this.#cleaned.get(client);
    }));
    // One that has just died is not among them any more.
    if (current !== null) await this.#cleaned.get(current);
    if (this.#closing !== "end") return;
    // There may be no next executor to do it.
    await removeLeftCgroups(this.#options.setsid).catch((error) =>
      diagnostics.warn("{why}", { why: messageOf(error) })
    );
  }

  async #killLeftovers(jobs: readonly StoredJob[]): Promise<void> {
    if (jobs.length === 0) return;
    await (await this.#newest()).call("killLeftovers", { jobs });
  }

  #watch(socket: string, client: ExecutorClient): void {
    this.#clients.set(socket, client);
    const cleaned = client.closed.then(() => this.#cleanUp(socket, client));
    this.#cleaned.set(client, cleaned);
    void cleaned.then((hasDied) => hasDied ? this.#endJobs(client) : undefined);
  }

  /**
   * Removes what an executor that is gone has left in the data directory.
   *
   * @returns whether it has died: one that was retired ends without jobs
   */
  async #cleanUp(socket: string, client: ExecutorClient): Promise<boolean> {
    this.#clients.delete(socket);
    const errors = executorErrors(socket);
    const isCurrent = await this.#current?.catch(() => null) === client;
    const hasDied = this.#closing === "no" && (isCurrent || leftIn(client).length > 0);
    if (hasDied) {
      this.#deaths++;
      const { pid } = client.hello;
      diagnostics.error("Executor {pid} has ended: {why}", { pid, why: await lastWords(errors) });
      await Deno.remove(socket).catch(() => {});
    }
    // One whose jobs have all ended does so at once. When we have gone, nothing of us uses the data directory any more,
    // and whoever comes after one that has died knows what it has left by its end.
    if (hasDied || this.#closing === "end" && leftIn(client).length === 0) {
      // It ends all the same if nobody can be asked whether it has, for want of a descriptor.
      await processEnded(client.hello.pid, this.#options.setsid).catch(() => {});
    }
    if (this.#closing !== "hand over") await Deno.remove(errors).catch(() => {});
    if (hasDied && isCurrent) this.#current = null;
    return hasDied;
  }

  /** Ends what is left of the jobs of an executor that has died, and says so. */
  async #endJobs(client: ExecutorClient): Promise<void> {
    const { containment } = client.hello;
    const left = leftIn(client);
    try {
      await this.#killLeftovers(
        left.map(({ jobId, pid, processIdentity }) => ({
          job: { jobId, pid, containment },
          processIdentity,
        })),
      );
    } catch (error) {
      for (const { jobId } of left) this.#options.onFault(error, jobId);
    }
    await Promise.all(left.map(async (job) => {
      const outcome = await this.#outcomes.read(job.jobId).catch(() => null);
      await job.orphaned(outcome).catch((error) => this.#options.onFault(error, job.jobId));
    }));
  }

  /** The one for new jobs, which is started if the one before has died. */
  async #newest(): Promise<ExecutorClient> {
    for (;;) {
      this.#current ??= this.#replace().catch((error) => {
        // Whoever asks next may have more luck.
        this.#current = null;
        throw error;
      });
      const client = await this.#current;
      if (!client.isClosed || this.#closing !== "no") return client;
      await this.#cleaned.get(client);
    }
  }

  async #replace(): Promise<ExecutorClient> {
    const clients = new Map(this.#clients);
    const current = await startOrReuse(this.#options, clients);
    for (const [socket, client] of clients) {
      if (!this.#clients.has(socket)) this.#watch(socket, client);
    }
    await current.call("setRetired", { retired: false });
    return current;
  }
}

/** The jobs of an executor of which nobody knows yet what they came to. */
function leftIn({ jobs }: ExecutorClient): RemoteJob[] {
  return [...jobs.values()].filter(({ hasEnded }) => !hasEnded);
}

function warnIfMoved({ hello: { pid, settings, jobs } }: ExecutorClient, directory: string): void {
  const before = settings.dataDirectory;
  if (before === directory || jobs.length === 0) return;
  diagnostics.warn(
    "The data directory was {before} when executor {pid} started: the logs of its jobs end with the file " +
      "that they are in, and outcomes that it has stored are there",
    { before, pid },
  );
}
