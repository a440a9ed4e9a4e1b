import type { StoredJob } from "../job/job_store.ts";
import type { Containment } from "../job/types.ts";
import type { LogLibrary } from "../log/log_library.ts";
import { Cgroups } from "../process/cgroups.ts";
import { CgroupTree, type JobTree, SessionTree } from "../process/job_tree.ts";
import type { ShellEnd } from "../process/proc_shell.ts";
import { type LaunchTools, type Process, startProcess } from "../process/process.ts";
import { DynamicUsers, type DynamicUsersOptions } from "../process/dynamic_users.ts";
import { type Launched, Launchers } from "../process/launchers.ts";
import { KnownUsers } from "../process/known_users.ts";
import { OwnLimit } from "../process/own_limit.ts";
import { ProcessGroups } from "../process/process_groups.ts";
import { findTools } from "../process/tools.ts";
import type { AdoptedJobs, Executor, LaunchRequest, PreparedJob } from "./executor.ts";
import { killLeftovers } from "./leftovers.ts";
import { LocalJob } from "./local_job.ts";
import { type Decision, prepare } from "./prepare.ts";
import { UserLookups } from "./user_lookups.ts";

export type { ShellEnd };

/** The soft limit of open files that programs are used to. */
const SOFT_DESCRIPTOR_LIMIT = 1024;

/** Options of {@linkcode LocalExecutor.open}. */
export interface LocalExecutorOptions {
  readonly logs: LogLibrary;
  /** `HOME` and default working directory of the jobs; `/` by default. */
  readonly home?: string;
  /** Whether to use cgroups where that is possible; true by default. */
  readonly cgroups?: boolean;
  /**
   * Whether jobs of other users than root may gain rights, as by sudo(8); true by default. Jobs that run as the
   * user of this process may what it may itself.
   */
  readonly newPrivileges?: boolean;
  /** Where each job that names no user gets one for itself; by default it runs as the user of this process. */
  readonly jobUids?: DynamicUsersOptions | null;
  /**
   * Whether this process does nothing but run jobs, so that its own limit of open files can be theirs; false by default.
   */
  readonly isAlone?: boolean;
  /** See `LogWriterOptions`. */
  readonly diskTimeoutMs?: number;
  /** Called when the shell that asks the kernel has ended and is replaced; jobs do not notice. */
  readonly onShellEnded?: (end: ShellEnd) => void;
  /** Called for errors of a job that cannot be reported to its user. */
  readonly onFault: (error: unknown, jobId: string) => void;
}

/** Runs jobs below this process: they end with it. */
export class LocalExecutor implements Executor {
  readonly containment: Containment;
  /** Whether jobs are where a service manager that restarts the daemon leaves them alone. */
  readonly isApart: boolean;
  readonly #options: LocalExecutorOptions;
  readonly #tools: LaunchTools;
  readonly #groups: ProcessGroups;
  /**
   * Asked what a start waits for. The other one may be busy with what follows the end of a job: to look for what that
   * has left, or to make a cgroup for the next one, takes longer.
   */
  readonly #files: ProcessGroups;
  readonly #cgroups: Cgroups | null;
  readonly #lookups: UserLookups;
  readonly #launchers: Launchers;
  readonly #users: KnownUsers;
  readonly #dynamicUsers: DynamicUsers | null;
  readonly #ownLimit: OwnLimit | null;
  readonly #prepared = new Map<string, readonly [LaunchRequest, Decision]>();
  /** How many are being launched. */
  #launching = 0;

  private constructor(options: LocalExecutorOptions, parts: {
    readonly tools: LaunchTools;
    readonly groups: ProcessGroups;
    readonly files: ProcessGroups;
    readonly users: KnownUsers;
    readonly cgroups: Cgroups | null;
    readonly dynamicUsers: DynamicUsers | null;
    readonly ownLimit: OwnLimit | null;
  }) {
    this.containment = parts.cgroups === null ? "process_group" : "cgroup";
    this.isApart = parts.cgroups?.areApart ?? false;
    this.#options = options;
    this.#tools = parts.tools;
    this.#lookups = new UserLookups({ tools: parts.tools });
    this.#launchers = new Launchers({
      ...parts,
      identify: (process) => this.#identify(process),
      onFault: options.onFault,
    });
    this.#groups = parts.groups;
    this.#files = parts.files;
    this.#cgroups = parts.cgroups;
    this.#users = parts.users;
    this.#dynamicUsers = parts.dynamicUsers;
    this.#ownLimit = parts.ownLimit;
  }

  /** @throws `failed_precondition` if a program that it relies on is not installed */
  static async open(options: LocalExecutorOptions): Promise<LocalExecutor> {
    const tools = await findTools();
    const { jobUids = null } = options;
    const dynamicUsers = jobUids === null ? null : await DynamicUsers.open(jobUids, tools);
    const asking = { ...tools, onEnded: (end: ShellEnd) => options.onShellEnded?.(end) };
    const [groups, files] = [new ProcessGroups(asking), new ProcessGroups(asking)];
    try {
      const hard = await groups.descriptorLimit();
      const soft = Math.min(SOFT_DESCRIPTOR_LIMIT, hard);
      const cgroups = options.cgroups === false ? null : await Cgroups.find(groups.shell);
      // A job that is to enter a cgroup needs a shell for that anyway.
      const ownLimit = options.isAlone === true && cgroups === null
        ? await OwnLimit.lower({ shell: groups.shell, soft, hard })
        : null;
      const users = new KnownUsers(files.shell);
      // Once this process is in the cgroup that it stays in, and while there is room for another.
      await users.ownUid();
      return new LocalExecutor(options, {
        tools: { ...tools, softDescriptorLimit: soft },
        groups,
        files,
        users,
        cgroups,
        dynamicUsers,
        ownLimit,
      });
    } catch (error) {
      await files[Symbol.asyncDispose]();
      await groups[Symbol.asyncDispose]();
      throw error;
    }
  }

  async prepare(
    request: LaunchRequest,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<PreparedJob> {
    const decision = await this.#decide(request, options);
    this.#prepared.set(request.jobId, [request, decision]);
    const { workingDirectory, user, startedAt } = decision;
    return { workingDirectory, user, startedAt };
  }

  async launch(
    jobId: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<LocalJob> {
    const prepared = this.#prepared.get(jobId);
    if (prepared === undefined) throw new TypeError(`Cannot launch job "${jobId}": not prepared`);
    this.#prepared.delete(jobId);
    this.#launching++;
    const room = await this.#ownLimit?.makeRoom();
    try {
      const running = await this.#launch(jobId, ...prepared, signal);
      void running.ended.then(() => room?.[Symbol.dispose]());
      return running;
    } catch (error) {
      room?.[Symbol.dispose]();
      throw error;
    } finally {
      this.#launching--;
    }
  }

  async #launch(
    jobId: string,
    { execution, logLimit }: LaunchRequest,
    decision: Decision,
    signal: AbortSignal | undefined,
  ): Promise<LocalJob> {
    const { startedAt, spec } = decision;
    const { logs, diskTimeoutMs, onFault } = this.#options;
    const isDynamic = spec.user?.isDynamic ?? false;
    const launched = await this.#startProcess(jobId, decision, signal);
    const { process } = launched;
    const running = new LocalJob({
      jobId,
      execution,
      startedAt,
      process,
      writer: logs.create(jobId, {
        limit: logLimit,
        ...(diskTimeoutMs === undefined ? {} : { diskTimeoutMs }),
      }),
      tree: this.#treeOf(jobId, process),
      cleanUp: () => isDynamic ? this.#releaseUser(jobId) : Promise.resolve(),
      onFault: (error) => onFault(error, jobId),
    });
    try {
      running.processIdentity = launched.identity ?? await this.#identify(process);
      // Where many come at once, nothing of a start waits for long, and a launcher costs more than it saves.
      const isOneOfMany = this.#launching > 1 || this.#prepared.size > 0;
      if (!isLimited(decision) && !isOneOfMany) {
        const begun = Promise.race([running.log.changed(), process.exit]);
        this.#launchers.expectAnother(jobId, spec, begun);
      }
      return running;
    } catch (error) {
      await running.stop({ stopSignal: "KILL", gracePeriodMs: 0, reason: "shutdown" });
      await running.ended;
      throw error;
    }
  }

  /** Forgets the jobs that nobody will launch any more. */
  forgetPrepared(): void {
    for (const jobId of this.#prepared.keys()) this.#dynamicUsers?.forget(jobId);
    this.#prepared.clear();
  }

  async abandon(jobId: string): Promise<void> {
    const { logs } = this.#options;
    if (this.#prepared.delete(jobId)) this.#dynamicUsers?.forget(jobId);
    await this.#releaseUser(jobId);
    await this.#cgroups?.remove(jobId);
    await logs.remove(jobId);
    await logs.flushNames();
  }

  /** What ran below an earlier process like this one ended with it, but by accident. */
  async adopt(jobs: readonly StoredJob[]): Promise<AdoptedJobs> {
    await killLeftovers(jobs, {
      groups: this.#groups,
      findCgroups: async () => {
        const cgroups = this.#cgroups ?? await Cgroups.find(this.#groups.shell);
        await cgroups?.findAssigned();
        for (const { job: { jobId }, processIdentity } of jobs) {
          if (Cgroups.isSpare(processIdentity)) cgroups?.assign(processIdentity, jobId);
        }
        return cgroups;
      },
    });
    await this.#dynamicUsers?.releaseLeft(jobs.map(({ job }) => job.jobId), this.#options.onFault);
    return { held: [], isComplete: false };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#launchers[Symbol.asyncDispose]();
    await this.#lookups[Symbol.asyncDispose]();
    await this.#files[Symbol.asyncDispose]();
    await this.#groups[Symbol.asyncDispose]();
  }

  async #startProcess(
    jobId: string,
    decision: Decision,
    signal: AbortSignal | undefined,
  ): Promise<Partial<Launched> & Pick<Launched, "process">> {
    const { spec, cgroupLimits } = decision;
    const launched = isLimited(decision)
      ? null
      : await this.#launchers.start(jobId, spec, { signal });
    if (launched !== null) return launched;
    await this.#cgroups?.make(jobId, cgroupLimits);
    if (spec.user?.isDynamic === true) await this.#dynamicUsers?.makeHome(jobId);
    signal?.throwIfAborted();
    const inheritsLimits = this.#ownLimit?.isOfJobs ?? false;
    return { process: startProcess(spec, this.#tools, { inheritsLimits }) };
  }

  async #decide(
    request: LaunchRequest,
    options: { readonly signal?: AbortSignal },
  ): Promise<Decision> {
    try {
      return await prepare(request, {
        ...options,
        groups: this.#files,
        lookups: this.#lookups,
        users: this.#users,
        dynamicUsers: this.#dynamicUsers,
        cgroups: this.#cgroups,
        home: this.#options.home ?? "/",
        newPrivileges: this.#options.newPrivileges ?? true,
      });
    } catch (error) {
      this.#dynamicUsers?.forget(request.jobId);
      throw error;
    }
  }

  /** What cannot be released stays taken, and nothing else need wait for it. */
  async #releaseUser(jobId: string): Promise<void> {
    await this.#dynamicUsers?.release(jobId).catch((error) => this.#options.onFault(error, jobId));
  }

  #treeOf(jobId: string, process: Process): JobTree {
    return this.#cgroups === null
      ? new SessionTree(this.#groups, process)
      : new CgroupTree(this.#cgroups, jobId);
  }

  /**
   * Tells a later executor the processes of this job from others. Those in a cgroup are known by its name,
   * at no cost.
   */
  async #identify(process: Pick<Process, "pid" | "exit">): Promise<string> {
    if (this.#cgroups !== null) return "";
    this.#groups.addLeader(process);
    return await this.#groups.identityOf(process.pid);
  }
}

/** Whether its cgroup is not like those of the launchers. */
function isLimited({ cgroupLimits }: Decision): boolean {
  return Object.keys(cgroupLimits).length > 0;
}
