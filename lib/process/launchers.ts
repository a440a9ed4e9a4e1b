import type { Cgroups } from "./cgroups.ts";
import { Launcher, type LauncherKind, toldTo } from "./launcher.ts";
import type { LaunchTools, Process, ProcessSpec } from "./process.ts";

/** How many wait for the next jobs with the same rights, and in all: each takes three descriptors and a process. */
const MAX_OF_A_KIND = 2;
const MAX_IN_ALL = 4;

/**
 * How long one waits: the groups of its user may change meanwhile. Only a start that comes so soon after another has
 * one started at all.
 */
const IDLE_MS = 5_000;

/** A launcher that waits. */
interface Waiting {
  readonly kind: string;
  readonly launcher: Launcher;
  /** `null` where there are no cgroups. */
  readonly cgroup: string | null;
  readonly idle: ReturnType<typeof setTimeout>;
}

/** Options of {@linkcode Launchers}. */
export interface LaunchersOptions {
  readonly tools: LaunchTools;
  readonly cgroups: Cgroups | null;
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
  #startedAt = -Infinity;
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
  ): Promise<Process | null> {
    const { tools, cgroups } = this.#options;
    const told = spec.user?.isDynamic === true ? null : toldTo(spec, tools);
    if (told === null) return null;
    const waiting = this.#take(spec);
    this.#expectAnother(spec);
    if (waiting === null) return null;
    try {
      if (waiting.cgroup !== null) await cgroups?.assign(waiting.cgroup, jobId);
      signal?.throwIfAborted();
    } catch {
      await this.#end(waiting);
      signal?.throwIfAborted();
      return null;
    }
    return waiting.launcher.become(told);
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

  #expectAnother({ user, newPrivileges }: LauncherKind): void {
    const { idleMs = IDLE_MS } = this.#options;
    const now = performance.now();
    const isOneOfMany = now - this.#startedAt < idleMs;
    this.#startedAt = now;
    if (!isOneOfMany || this.#isFilling || this.#isClosed) return;
    this.#isFilling = true;
    this.#background(this.#fill({ user, newPrivileges }));
  }

  /** Starts as many as may wait for a job with these rights, if need be instead of others. */
  async #fill(kind: LauncherKind): Promise<void> {
    const { cgroups, idleMs = IDLE_MS } = this.#options;
    try {
      // The start that has brought us here goes first.
      await new Promise((resolve) => setTimeout(resolve));
      while (!this.#isClosed && this.#countOf(kind) < MAX_OF_A_KIND) {
        const cgroup = await cgroups?.makeSpare() ?? null;
        const launcher = await this.#launch(kind, cgroup);
        const idle = setTimeout(() => this.#drop(added), idleMs);
        const added = { kind: nameOf(kind), launcher, cgroup, idle };
        this.#add(added);
      }
    } catch {
      // A start without one says why there can be none.
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
      await cgroups.removeSpare(cgroup);
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

  async #end({ launcher, cgroup, idle }: Waiting): Promise<void> {
    clearTimeout(idle);
    await launcher.end();
    if (cgroup !== null) await this.#options.cgroups?.removeSpare(cgroup);
  }

  #background(work: Promise<void>): void {
    const done = work.catch(() => {}).finally(() => this.#pending.delete(done));
    this.#pending.add(done);
  }
}

/** Jobs of the same name can use the same launchers. */
function nameOf({ user, newPrivileges }: LauncherKind): string {
  return user === null ? "" : `${user.uid}:${user.gid}:${newPrivileges}`;
}
