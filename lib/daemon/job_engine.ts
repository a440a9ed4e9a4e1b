import { resolve } from "node:path";
import type { JobUserMap } from "../auth/job_user_map.ts";
import { messageOf } from "../errors.ts";
import type { AuditEntry } from "../service/audit.ts";
import type { AuditLog } from "../service/audit_log.ts";
import type { JobService, PlacementService } from "../service/job_service.ts";
import type { HostChanges } from "../fleet/host_changes.ts";
import { matches } from "../job/matches.ts";
import { VERSION } from "../version.ts";
import type { Exposition } from "../metrics/exposition.ts";
import { CallCounts } from "../service/call_counts.ts";
import { recentStarts } from "../service/recent_starts.ts";
import { WorkerService } from "../service/worker_service.ts";
import { SqliteStore } from "../store/sqlite_store.ts";
import { JobCounts } from "../worker/job_counts.ts";
import { type Containment, type Job, MemoryStore, Worker } from "../worker/mod.ts";
import { AUDIT_TRAIL, DATABASE, makeDataDirectory } from "./data_directory.ts";
import { diagnostics } from "./diagnostics.ts";
import { openAudit } from "./open_audit.ts";
import { ExecutorKeeper } from "./executor_keeper.ts";
import { Housekeeping } from "./housekeeping.ts";
import type { Measured } from "./measured.ts";
import { JobUsers } from "./users/job_users.ts";
import { runningLimits } from "./running_limits.ts";
import { type DaemonOptions, IN_MEMORY } from "../config/options.ts";

/** Options of {@linkcode JobEngine.open}: those of the daemon that concern jobs. */
export type JobEngineOptions = Pick<
  DaemonOptions,
  | "dataDir"
  | "shutdownGraceMs"
  | "jobUser"
  | "jobUserMap"
  | "gatewayUser"
  | "jobUids"
  | "jobHomes"
  | "allowUsers"
  | "timeoutMs"
  | "maxTimeoutMs"
  | "maxRunning"
  | "maxRunningPerUser"
  | "maxQueued"
  | "maxQueuedPerUser"
  | "cgroups"
  | "newPrivileges"
  | "logLimit"
  | "logPolicy"
  | "maxLogLimit"
  | "retainAgeMs"
  | "retainCount"
  | "retainBytes"
  | "auditLimit"
  | "auditAgeMs"
  | "auditKeep"
  | "auditMask"
  | "fleet"
  | "notify"
  | "notifyAllow"
  | "notifyFilter"
>;

/** Everything that has to do with jobs, and nothing that has to do with a network. */
export class JobEngine implements AsyncDisposable, Measured {
  readonly service: JobService & PlacementService;
  /** Where the service records its decisions. */
  readonly audit: AuditLog;
  /** Who is to be told of jobs that have ended; `null` if their records are in memory. */
  readonly notifications: Pick<SqliteStore, "outbox" | "settle"> | null;
  /** What changes here, for hubs; `null` if the daemon belongs to no fleet. */
  readonly changes: HostChanges | null;
  /** Absolute path. */
  readonly dataDirectory: string;
  /** How many jobs may run at once. */
  readonly maxRunning: number;
  /** How many may wait. */
  readonly #maxQueued: number;
  /** What keeps the processes of a job together. */
  readonly containment: Containment;
  /** How many jobs an earlier daemon has left to the executors; they go on. */
  readonly adopted: number;
  /** How many jobs were running when an earlier daemon died, and are lost. */
  readonly lost: number;
  /** How many jobs an earlier daemon has left in the queue. */
  readonly queued: number;
  readonly #worker: Worker;
  readonly #calls: CallCounts;
  readonly #jobs: JobCounts;
  readonly #executor: ExecutorKeeper;
  readonly #jobUsers: JobUsers;
  readonly #isInMemory: boolean;
  readonly #shutdownGraceMs: number;
  readonly #resources: AsyncDisposableStack;
  #handedOver = false;
  #requiring: Promise<void> | null = null;
  readonly #ended = new AbortController();

  private constructor(parts: {
    readonly worker: Worker;
    readonly calls: CallCounts;
    readonly jobs: JobCounts;
    readonly executor: ExecutorKeeper;
    readonly jobUsers: JobUsers;
    readonly isInMemory: boolean;
    readonly service: JobService & PlacementService;
    readonly audit: AuditLog;
    readonly notifications: Pick<SqliteStore, "outbox" | "settle"> | null;
    readonly changes: HostChanges | null;
    readonly adopted: number;
    readonly lost: number;
    readonly queued: number;
    readonly dataDirectory: string;
    readonly maxRunning: number;
    readonly maxQueued: number;
    readonly shutdownGraceMs: number;
    readonly resources: AsyncDisposableStack;
  }) {
    this.service = parts.service;
    this.audit = parts.audit;
    this.notifications = parts.notifications;
    this.changes = parts.changes;
    this.adopted = parts.adopted;
    this.lost = parts.lost;
    this.queued = parts.queued;
    this.dataDirectory = parts.dataDirectory;
    this.maxRunning = parts.maxRunning;
    this.containment = parts.worker.containment;
    this.#maxQueued = parts.maxQueued;
    this.#worker = parts.worker;
    this.#calls = parts.calls;
    this.#jobs = parts.jobs;
    this.#executor = parts.executor;
    this.#jobUsers = parts.jobUsers;
    this.#isInMemory = parts.isInMemory;
    this.#shutdownGraceMs = parts.shutdownGraceMs;
    this.#resources = parts.resources;
  }

  /** The users of the system that `--job-user-map` names. */
  get mappedUsers(): ReadonlySet<string> {
    return this.#jobUsers.users;
  }

  /**
   * @param home `HOME` and default directory of the jobs
   * @param setsid absolute path of setsid(1)
   * @param known.descriptors how many an executor may have, see {@linkcode runningLimits}
   * @param known.jobUserMap what the file of `--job-user-map` says, if it has just been read
   * @throws `failed_precondition`, naming the directory, file or option that is in the way
   */
  static async open(
    options: JobEngineOptions,
    home: string,
    setsid: string,
    { descriptors = Infinity, jobUserMap }: {
      readonly descriptors?: number;
      readonly jobUserMap?: JobUserMap | null;
    } = {},
  ): Promise<JobEngine> {
    const { notify, notifyFilter } = options;
    const limits = runningLimits(options, descriptors);
    const jobUsers = await JobUsers.open(options, setsid, jobUserMap);
    await using resources = new AsyncDisposableStack();
    const dataDirectory = options.dataDir === IN_MEMORY
      ? await makeTemporaryDirectory(resources)
      : await makeDataDirectory(options.dataDir);
    // This comes first, because it keeps a second daemon out.
    const store = resources.use(
      options.dataDir === IN_MEMORY
        ? new MemoryStore()
        : await SqliteStore.open(`${dataDirectory}/${DATABASE}`, {
          notesChanges: options.fleet !== "",
          hooksOf: (job) => matches(job, notifyFilter) ? notify : [],
        }),
    );
    const audit = resources.use(await openAudit(dataDirectory, options));
    const logLimit = { bytes: options.logLimit, policy: options.logPolicy };
    let adopted = 0;
    let lost = 0;
    const queued = (await store.queued()).length;
    let started: Set<string> | null = null;
    let housekeeping: Housekeeping | null = null;
    const onFault = (error: unknown, jobId: string) => {
      diagnostics.error("Job {jobId}: {why}", { jobId, why: messageOf(error) });
    };
    const executor = await ExecutorKeeper.open({
      dataDirectory,
      setsid,
      keepsJobs: options.dataDir !== IN_MEMORY,
      settings: {
        home,
        cgroups: options.cgroups,
        newPrivileges: options.newPrivileges,
        jobUids: options.jobUids && { ...options.jobUids, homes: resolve(options.jobHomes) },
      },
      onFault,
      onShellEnded: ({ pid, why, successor }) => {
        const next = successor ?? "the next one";
        diagnostics.warn("The shell that asks the kernel ({pid}) ended: {why}; {next} takes over", {
          pid,
          why,
          next,
        });
      },
    });
    const jobs = new JobCounts();
    const worker = resources.use(
      await Worker.open({
        dataDirectory,
        executor,
        store,
        logLimit,
        maxLogLimit: options.maxLogLimit,
        jobUser: options.jobUser,
        allowUsers: options.allowUsers,
        jobUsersOf: (owner) => jobUsers.usersOf(owner),
        notifyAllow: options.notifyAllow,
        timeoutMs: options.timeoutMs,
        maxTimeoutMs: options.maxTimeoutMs,
        ...limits,
        onChanged: (job) => jobs.changed(job),
        onEnded: () => housekeeping?.jobEnded(),
        onAdopted: async (job, isConfirmed) => {
          adopted++;
          // What was queued was accounted for then.
          if (isConfirmed || job.queuedAt !== null) return;
          // The engine that started it died before it could account for it, or say that it had.
          started ??= await recentStarts(`${dataDirectory}/${AUDIT_TRAIL}`);
          if (!started.has(job.jobId)) await audit.commit(startOf(job));
        },
        onLost(lostJobs) {
          lost += lostJobs.length;
          for (const job of lostJobs) jobs.changed(job);
        },
        onFault,
      }),
    );
    housekeeping = resources.use(
      new Housekeeping(worker, {
        maxAgeMs: options.retainAgeMs,
        maxCount: options.retainCount,
        maxBytes: options.retainBytes,
      }),
    );
    const jobUserOf: JobUsers["userOf"] = (identity) => jobUsers.userOf(identity);
    const calls = new CallCounts();
    const service = new WorkerService(worker, audit, { logLimit, jobUserOf });
    const { shutdownGraceMs } = options;
    const changes = store instanceof SqliteStore ? await changesOf(store) : null;
    return new JobEngine({
      worker,
      calls,
      jobs,
      executor,
      jobUsers,
      isInMemory: options.dataDir === IN_MEMORY,
      service: {
        ...calls.countedService(service),
        placeJob: (request, context) => calls.start(() => service.placeJob(request, context)),
      },
      audit,
      notifications: store instanceof SqliteStore ? store : null,
      changes,
      adopted,
      lost,
      queued,
      dataDirectory,
      maxRunning: limits.maxRunning,
      maxQueued: limits.maxQueued,
      shutdownGraceMs,
      resources: resources.move(),
    });
  }

  async measure(exposition: Exposition): Promise<void> {
    const { running, queued } = this.#worker.counts;
    exposition.add("job_worker_jobs", { status: "running" }, running);
    exposition.add("job_worker_jobs", { status: "queued" }, queued);
    exposition.add("job_worker_jobs_limit", { status: "running" }, this.maxRunning);
    exposition.add("job_worker_jobs_limit", { status: "queued" }, this.#maxQueued);
    this.#jobs.measure(exposition);
    this.#calls.measure(exposition);
    await this.#executor.measure(exposition);
  }

  /** Reads again which user jobs run as: those that are started from then on. */
  async reload(): Promise<void> {
    await this.#jobUsers.reload();
  }

  /**
   * Why the jobs cannot be left to the executors; `null` if they can.
   *
   * @param isSupervised whether a service manager ends what else is in the service of the daemon
   */
  whyNotHandOver(isSupervised: boolean): string | null {
    if (this.#isInMemory) return "their records are in memory";
    if (!isSupervised || this.#executor.areApart) return null;
    return "they are in the service of the daemon, not in worker-daemon-jobs.service";
  }

  /** Leaves the jobs to the executors, for the next engine to take up. What is being started gets started. */
  async handOver(): Promise<void> {
    this.#handedOver = true;
    await this.#worker.handOver();
    this.#executor.handOver();
  }

  /** Has executors that do not answer killed from now on: nothing that waits for one may hold up the end. */
  requireAnswers(): void {
    this.#requiring ??= this.#executor.killSilent(this.#ended.signal);
  }

  /** Ends all jobs, as the options say, unless they were handed over, and closes what they were recorded in. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#handedOver) {
      this.requireAnswers();
      await this.#worker.shutdown({ gracePeriodMs: this.#shutdownGraceMs });
    }
    await this.#resources.disposeAsync();
    this.#ended.abort();
    await this.#requiring;
  }
}

/** What changes in a store, if it notes that. */
async function changesOf(store: SqliteStore): Promise<HostChanges | null> {
  if (store.changes === null) return null;
  const { HostChanges } = await import("../fleet/host_changes.ts");
  const load = () => Deno.loadavg()[0] ?? 0;
  return new HostChanges(store, store.changes, { version: VERSION, load });
}

/** The audit entry of a start of which only the record is left. */
function startOf({ jobId, owner, command, execution: { user: runAs } }: Job): AuditEntry {
  const caller = { identity: { user: owner, roles: [] }, fingerprint: "", peer: "" };
  return { caller, method: "startJob", jobId, command, runAs, decision: "allowed", result: "ok" };
}

async function makeTemporaryDirectory(resources: AsyncDisposableStack): Promise<string> {
  const path = await Deno.makeTempDir({ prefix: "job-worker-" });
  resources.defer(() => Deno.remove(path, { recursive: true }));
  // Old files in it are still in use. systemd-tmpfiles(8) leaves a locked directory alone, see tmpfiles.d(5).
  const directory = resources.use(await Deno.open(path));
  await directory.lock(true);
  return path;
}
