import { JobWorkerError } from "../errors.ts";
import type { ProcShell } from "./proc_shell.ts";
import { Batcher } from "../async/batcher.ts";
import { delay } from "../async/delay.ts";
import type { JobLimits, JobUsage } from "../job/types.ts";

/** The controller of cgroup v2 that each limit needs. */
const CONTROLLERS = { memoryBytes: "memory", cpus: "cpu", processes: "pids" } as const;

/** How the names of cgroups begin that were made before it was known for which job. Who has made them follows. */
const SPARE = "spare-";
const SPARE_NAME = /^spare-[0-9a-f.-]+$/;

/** Killed processes take a moment to go. */
const LOOK_AGAIN_MS = 20;
const MAX_LOOKS = 100;

/** The period of cpu.max, in microseconds: the kernel's own default. */
const CPU_PERIOD_US = 100_000;

/**
 * The cgroups of jobs (cgroup v2, https://docs.kernel.org/admin-guide/cgroup-v2.html), one for each,
 * from which nothing that a job starts can escape.
 */
export class Cgroups {
  readonly #shell: ProcShell;
  readonly #root: string;
  readonly #controllers: ReadonlySet<string>;
  /** What tells our process from others; `""` if nothing does. */
  readonly #maker: string;
  // Each batch costs one process, mkdir(1), however many cgroups are in it.
  readonly #makes = new Batcher((requests: readonly string[]) => this.#makeAll(requests));
  readonly #usages = new Batcher((names: readonly string[]) => this.#readUsages(names));

  /** The names of the cgroups that were made before it was known for which job. */
  readonly #assigned = new Map<string, string>();

  private constructor(shell: ProcShell, root: string, options: {
    readonly controllers?: readonly string[];
    readonly maker?: string;
  } = {}) {
    this.#shell = shell;
    this.#root = root;
    this.#controllers = new Set(options.controllers);
    this.#maker = options.maker ?? "";
  }

  /**
   * Finds where jobs can have cgroups, and removes what executors that are gone have left there.
   *
   * @returns `null` unless we may write to cgroup v2 and it has `cgroup.kill` (Linux 5.14)
   */
  static async find(shell: ProcShell): Promise<Cgroups | null> {
    const [root = "", ...controllers] = (await shell.ask("cgroup_root")).split(" ");
    if (root === "") return null;
    const cgroups = new Cgroups(shell, root, {
      controllers,
      maker: await shell.ask(`maker ${Deno.pid}`),
    });
    // What cannot be removed is in nobody's way: the next one tries again.
    await cgroups.#removeLeft().catch(() => {});
    return cgroups;
  }

  /**
   * Removes what executors that are gone have left wherever those of this daemon may have been. Unlike
   * {@linkcode find}, it moves no process.
   *
   * @throws `unavailable` if something in one of them does not end
   */
  static async removeLeft(shell: ProcShell): Promise<void> {
    const roots = (await shell.ask("cgroup_roots")).split(" ").filter((root) => root !== "");
    await Promise.all(roots.map((root) => new Cgroups(shell, root).#removeLeft()));
  }

  /** Whether jobs outlive the service of the daemon, in a service of their own: see `deploy/`. */
  get areApart(): boolean {
    return this.#root.includes("-jobs.service/");
  }

  /** Whether all of these limits can be enforced. */
  canLimit(limits: JobLimits): boolean {
    return (Object.keys(limits) as (keyof JobLimits)[])
      .every((name) => this.#controllers.has(CONTROLLERS[name]));
  }

  /**
   * Makes the cgroup of a job.
   *
   * @param limits what it enforces; see {@linkcode canLimit}
   * @throws `unavailable`
   */
  async make(jobId: string, limits: JobLimits): Promise<void> {
    const { memoryBytes, cpus, processes } = limits;
    const settings = [
      // Without swap: otherwise the limit would exist in name only.
      ...(memoryBytes === undefined ? [] : [`memory.max=${memoryBytes}`, "memory.swap.max=0"]),
      ...(cpus === undefined ? [] : [`cpu.max=${Math.round(cpus * CPU_PERIOD_US)}`]),
      ...(processes === undefined ? [] : [`pids.max=${processes}`]),
    ];
    const path = `${this.#root}/${jobId}`;
    const failed = await this.#makes.add([path, ...settings].join(" "));
    if (!failed.has(path)) return;
    throw new JobWorkerError("unavailable", `Cannot make the cgroup ${path}`);
  }

  /**
   * Makes a cgroup for a job to come.
   *
   * @returns its name
   * @throws `unavailable`
   */
  async makeSpare(): Promise<string> {
    const id = crypto.randomUUID();
    const name = SPARE + (this.#maker === "" ? id : `${this.#maker}-${id}`);
    await this.make(name, {});
    return name;
  }

  /** Whether something is the name of a spare cgroup. */
  static isSpare(name: string): boolean {
    return SPARE_NAME.test(name);
  }

  /** Makes a spare cgroup that of a job. A cgroup cannot be renamed, so somebody else has to remember whose it is. */
  assign(spare: string, jobId: string): void {
    this.#assigned.set(jobId, spare);
  }

  /**
   * Removes a spare cgroup. Whatever its launcher was made to start belongs to no job, and ends.
   *
   * @throws `unavailable` if something in it does not end
   */
  async removeSpare(spare: string): Promise<void> {
    for (let look = 0; look < MAX_LOOKS; look++) {
      if (await this.#release(spare) !== null) return;
      await this.kill(spare);
      await delay(LOOK_AGAIN_MS);
    }
    throw new JobWorkerError("unavailable", `Cannot remove the cgroup ${this.#root}/${spare}`);
  }

  /** Finds the cgroups that executors of older builds have assigned to jobs: an empty one below it has the job's id. */
  async findAssigned(): Promise<void> {
    for (const word of (await this.#shell.ask(`cgroup_assigned ${this.#root}`)).split(" ")) {
      const [spare = "", jobId] = word.split("/");
      if (jobId !== undefined) this.#assigned.set(jobId, spare);
    }
  }

  /** A process that writes `0` to this file enters the cgroup of a job. */
  entryOf(jobId: string): string {
    return this.procsOf(this.#nameOf(jobId));
  }

  /** The same for a spare cgroup. */
  procsOf(spare: string): string {
    return `${this.#root}/${spare}/cgroup.procs`;
  }

  /**
   * Sends a signal to each process, and SIGCONT.
   *
   * @returns false if there is none
   */
  async signal(
    jobId: string,
    signal: string,
    { thenContinue = true }: { thenContinue?: boolean } = {},
  ): Promise<boolean> {
    const verb = thenContinue ? "cgroup_stop" : "cgroup_signal";
    return await this.#shell.ask(`${verb} ${signal} ${this.#pathOf(jobId)}`) !== "0";
  }

  /** Sends SIGKILL to every process at once, so that none can fork in the meantime. */
  async kill(jobId: string): Promise<void> {
    await this.#shell.ask(`cgroup_kill ${this.#pathOf(jobId)}`);
  }

  /**
   * Removes a cgroup, with the cgroups that the job has made in it.
   *
   * @returns what its processes have used; `null` if one is still in it, zombies aside
   */
  async remove(jobId: string): Promise<JobUsage | null> {
    const usage = await this.#release(this.#nameOf(jobId));
    if (usage !== null) this.#assigned.delete(jobId);
    return usage;
  }

  /** @returns `null` if a process is in it or below it */
  async #release(name: string): Promise<JobUsage | null> {
    const usage = (await this.#usages.add(name)).get(name) ?? null;
    if (usage === null) return null;
    try {
      await removeIfThere(`${this.#root}/${name}`);
    } catch {
      // Whoever uses this as a library may not, and a job may have made cgroups of its own.
      await this.#shell.ask(`cgroup_remove ${this.#root}/${name}`);
    }
    return usage;
  }

  async #removeLeft(): Promise<void> {
    const left = (await this.#shell.ask(`cgroup_left ${this.#root}`)).split(" ");
    await Promise.all(
      left.filter((name) => name !== "").map((name) => this.removeSpare(name)),
    );
  }

  async #makeAll(requests: readonly string[]): Promise<ReadonlySet<string>> {
    const failed = await this.#shell.ask(`cgroup_make ${requests.join(" ")}`);
    return new Set(failed.split(" "));
  }

  /** What those have used that have no process. */
  async #readUsages(names: readonly string[]): Promise<ReadonlyMap<string, JobUsage>> {
    const paths = names.map((name) => `${this.#root}/${name}`);
    const used = await this.#shell.ask(`cgroup_usage ${paths.join(" ")}`);
    return new Map(
      used.split(" ").map((word) => {
        const [name = "", ...figures] = word.split(":");
        const [cpuUs, peakMemoryBytes, oomKills] = figures.map((text) =>
          text === "-" ? null : +text
        );
        const cpuMs = typeof cpuUs === "number" ? Math.round(cpuUs / 1000) : null;
        return [name, {
          cpuMs,
          peakMemoryBytes: peakMemoryBytes ?? null,
          oomKills: oomKills ?? null,
        }];
      }),
    );
  }

  #pathOf(jobId: string): string {
    return `${this.#root}/${this.#nameOf(jobId)}`;
  }

  #nameOf(jobId: string): string {
    return this.#assigned.get(jobId) ?? jobId;
  }
}

/** Removes an empty cgroup, for a twentieth of what rmdir(1) takes. */
async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
