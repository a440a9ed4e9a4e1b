import type { Cgroups } from "./cgroups.ts";
import { messageOf } from "../errors.ts";
import { couldBecome, Launcher, type LauncherKind, toldTo } from "./launcher.ts";
import type { LaunchTools, Process, ProcessSpec } from "./process.ts";

/** How many wait for the next jobs with the same rights, and in all: each takes three descriptors and a process. */
export const MAX_OF_A_KIND = 2;
const MAX_IN_ALL = 4;

/**
 * How long one waits: the groups of its user may change meanwhile. Only a start that comes so soon after another has
 * one started at all.
 */
const IDLE_MS = 5_000;

/** How long a job may take to get somewhere before its launcher is replaced. */
const BEGUN_WITHIN_MS = 4;

/** A launcher that waits. */
interface Waiting {
  readonly kind: string;
  readonly launcher: Launcher;
  /** What `identify` has said of it. */
  readonly identity: Promise<string>;
  /** `null` where there are no cgroups. */
  readonly cgroup: string | null;
  readonly idle: ReturnType<typeof setTimeout>;
}

/** A job's process that was a launcher before. */
export interface Launched {
  readonly process: Process;
  /** The name of its cgroup, or what `identify` has said of it while it waited. */
  readonly identity: string;
}

/** Options of {@linkcode Launchers}. */
export interface LaunchersOptions {
  readonly tools: LaunchTools;
  readonly cgroups: Cgroups | null;
  /** What tells a process from others that have or had its id; `""` if it has ended. */
  readonly identify: (process: Pick<Process, "pid" | "exit">) => Promise<string>;
  /**
   * Told once of each thing that goes wrong, with the job that was started before: starts go on without launchers.
   */
  readonly onFault: (error: unknown, jobId: string) => void;
  /** 5 s by default. */
  readonly idleMs?: number;
}

/**
 * Launchers for the jobs to come, as long as jobs are started one after the other: what a start takes longest for has
 * been done then, such as to enter a cgroup, for which the kernel may wait ten milliseconds. No launcher is used twice.
 */
export class Launchers implements AsyncDisposable {
  readonly #options: LaunchersOptions;
  readonly #waiting = new Set<Waiting>();
  /** What is being started and ended. */
  readonly #pending = new Set<Promise<void>>();
  readonly #reported = new Set<string>();
  #startedAt = -Infinity;
  #lastJobId = "";
  #isFilling = false;
  #isClosed = false;

  constructor(options: LaunchersOptions) {
    this.#options = options;
  }

  /** Those that wait. */
  get pids(): number[] {
    return [...this.#waiting].map(({ launcher }) => launcher.pid);
  }

  /**
   * Starts a program in a process that waits for one. Its cgroup is the job's from then on.
   *
   * @returns `null` if there is none that could become it
   * @throws the reason of the signal
   */
  async start(
    jobId: string,
    spec: ProcessSpec,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Launched | null> {
    const { tools, cgroups } = this.#options;
    const told = toldTo(spec, tools);
    const waiting = told === null ? null : this.#take(spec);
    if (told === null || waiting === null) return null;
    try {
      const identity = waiting.cgroup ?? await waiting.identity;
      signal?.throwIfAborted();
      if (waiting.cgroup !== null) cgroups?.assign(waiting.cgroup, jobId);
      return { process: waiting.launcher.become(told), identity };
    } catch (error) {
      await this.#end(waiting);
      signal?.throwIfAborted();
      this.#report("Cannot use a process that was ready for a job", error);
      return null;
    }
  }

  /**
   * Has launchers wait for jobs like one that has just been started, if another was before it. To make a process holds
   * up everything else, so this comes after all that a start waits for.
   *
   * @param begun settles once the job has got somewhere
   */
  expectAnother(jobId: string, spec: ProcessSpec, begun: Promise<unknown>): void {
    if (!couldBecome(spec)) return;
    this.#lastJobId = jobId;
    const { idleMs = IDLE_MS } = this.#options;
    const now = performance.now();
    const isOneOfMany = now - this.#startedAt < idleMs;
    this.#startedAt = now;
    if (!isOneOfMany || this.#isFilling || this.#isClosed) return;
    const { user, newPrivileges } = spec;
    this.#isFilling = true;
    this.#background(this.#fill({ user, newPrivileges }, begun));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    await Promise.all([...this.#waiting].map((waiting) => this.#end(waiting)));
  }

  #take(kind: LauncherKind): Waiting | null {
    for (const waiting of this.#waiting) {
      if (waiting.kind !== nameOf(kind)) continue;
      if (waiting.launcher.revive()) {
        this.#waiting.delete(waiting);
        clearTimeout(waiting.idle);
        return waiting;
      }
      this.#drop(waiting);
    }
    return null;
  }

  /** Starts as many as may wait for a job with these rights, if need be instead of others. */
  async #fill(kind: LauncherKind, begun: Promise<unknown>): Promise<void> {
    const { cgroups, identify, idleMs = IDLE_MS } = this.#options;
    try {
      // What a job prints first, somebody waits for.
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, BEGUN_WITHIN_MS);
      await Promise.race([begun, late.promise]);
      clearTimeout(timer);
      // Whoever asked for the start that has brought us here is told first.
      await new Promise((resolve) => setTimeout(resolve));
      while (!this.#isClosed && this.#countOf(kind) < MAX_OF_A_KIND) {
        const cgroup = await cgroups?.makeSpare() ?? null;
        const launcher = await this.#launch(kind, cgroup);
        const idle = setTimeout(() => this.#drop(added), idleMs);
        // Asked for now, so that no start has to wait for it.
        const identity = identify(launcher);
        identity.catch(() => {});
        const added = { kind: nameOf(kind), launcher, identity, cgroup, idle };
        this.#add(added);
      }
    } catch (error) {
      this.#report("Cannot have a process ready for the next job", error);
    } finally {
      this.#isFilling = false;
    }
  }

  async #launch(kind: LauncherKind, cgroup: string | null): Promise<Launcher> {
    const { tools, cgroups } = this.#options;
    if (cgroup === null || cgroups === null) return new Launcher(kind, "", tools);
    try {
      return new Launcher(kind, cgroups.procsOf(cgroup), tools);
    } catch (error) {
      await this.#removeSpare(cgroup);
      throw error;
    }
  }

  #add(added: Waiting): void {
    this.#waiting.add(added);
    for (const oldest of this.#waiting) {
      if (this.#waiting.size <= MAX_IN_ALL) break;
      this.#drop(oldest);
    }
    void added.launcher.exit.then(() => this.#drop(added));
  }

  /** Ends one that waits. */
  #drop(waiting: Waiting): void {
    if (this.#waiting.delete(waiting)) this.#background(this.#end(waiting));
  }

  #countOf(kind: LauncherKind): number {
    return [...this.#waiting].filter((waiting) => waiting.kind === nameOf(kind)).length;
  }

  /** Never rejects. */
  async #end({ launcher, cgroup, idle }: Waiting): Promise<void> {
    clearTimeout(idle);
    await launcher.end();
    if (cgroup !== null) await this.#removeSpare(cgroup);
  }

  /** Never rejects. */
  async #removeSpare(cgroup: string): Promise<void> {
    try {
      await this.#options.cgroups?.removeSpare(cgroup);
    } catch (error) {
      this.#report("Cannot clean up after a process that was ready for a job", error);
    }
  }

  /** @param work never rejects */
  #background(work: Promise<void>): void {
    const done = work.finally(() => this.#pending.delete(done));
    this.#pending.add(done);
  }

  #report(what: string, error: unknown): void {
    if (this.#reported.has(what)) return;
    this.#reported.add(what);
    this.#options.onFault(
      new Error(`${what}: ${messageOf(error)}`, { cause: error }),
      this.#lastJobId,
    );
  }
}

/** Jobs of the same name can use the same launchers. */
function nameOf({ user, newPrivileges }: LauncherKind): string {
  return user === null ? "" : `${user.uid}:${user.gid}:${newPrivileges}`;
}
