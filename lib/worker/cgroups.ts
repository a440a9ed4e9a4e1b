import { JobWorkerError } from "../errors.ts";
import type { KernelShell } from "./kernel_shell.ts";
import type { JobLimits, JobUsage } from "./types.ts";

/** A controller that cgroup v2 may have for us, by the limit that needs it. */
const CONTROLLERS = { memoryBytes: "memory", cpus: "cpu", processes: "pids" } as const;

/** The period of cpu.max, in microseconds: the kernel's own default. */
const CPU_PERIOD_US = 100_000;

/**
 * The cgroups of jobs (cgroup v2, https://docs.kernel.org/admin-guide/cgroup-v2.html), one for each,
 * from which nothing that a job starts can escape.
 */
export class Cgroups {
  readonly #shell: KernelShell;
  readonly #root: string;
  readonly #controllers: ReadonlySet<string>;

  private constructor(shell: KernelShell, root: string, controllers: readonly string[]) {
    this.#shell = shell;
    this.#root = root;
    this.#controllers = new Set(controllers);
  }

  /** Where cgroup v2 is ours to write and knows `cgroup.kill` (Linux 5.14); else `null`. */
  static async find(shell: KernelShell): Promise<Cgroups | null> {
    const [root = "", ...controllers] = (await shell.ask("cgroup_root")).split(" ");
    return root === "" ? null : new Cgroups(shell, root, controllers);
  }

  /** Whether every one of these limits can be kept. */
  canLimit(limits: JobLimits): boolean {
    return (Object.keys(limits) as (keyof JobLimits)[])
      .every((name) => this.#controllers.has(CONTROLLERS[name]));
  }

  /**
   * Makes the cgroup of a job.
   *
   * @param limits kept by it; see {@linkcode canLimit}
   * @throws `unavailable`
   */
  async make(jobId: string, limits: JobLimits): Promise<void> {
    const { memoryBytes, cpus, processes } = limits;
    const settings = [
      // Without swap, or the limit would be one in name only.
      ...(memoryBytes === undefined ? [] : [`memory.max=${memoryBytes}`, "memory.swap.max=0"]),
      ...(cpus === undefined ? [] : [`cpu.max=${Math.round(cpus * CPU_PERIOD_US)}`]),
      ...(processes === undefined ? [] : [`pids.max=${processes}`]),
    ];
    const request = ["cgroup_make", this.#pathOf(jobId), ...settings].join(" ");
    if (await this.#shell.ask(request) === "0") return;
    throw new JobWorkerError("unavailable", `Cannot make the cgroup ${this.#pathOf(jobId)}`);
  }

  /** A process that writes `0` to this file enters the cgroup. */
  entryOf(jobId: string): string {
    return `${this.#pathOf(jobId)}/cgroup.procs`;
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

  /** SIGKILL to every process at once, so that none can make another meanwhile. */
  async kill(jobId: string): Promise<void> {
    await this.#shell.ask(`cgroup_kill ${this.#pathOf(jobId)}`);
  }

  /** Whether there is no process in it, zombies aside. */
  async isEmpty(jobId: string): Promise<boolean> {
    return await this.#shell.ask(`cgroup_populated ${this.#pathOf(jobId)}`) !== "1";
  }

  /** Removes an empty cgroup. */
  async remove(jobId: string): Promise<JobUsage> {
    const answer = await this.#shell.ask(`cgroup_remove ${this.#pathOf(jobId)}`);
    const [cpuUs, peak, oomKills] = answer.split(" ").map((text) => text === "-" ? NaN : +text);
    return {
      cpuMs: known(cpuUs) === null ? null : Math.round((cpuUs ?? 0) / 1000),
      peakMemoryBytes: known(peak),
      oomKills: known(oomKills),
    };
  }

  #pathOf(jobId: string): string {
    return `${this.#root}/${jobId}`;
  }
}

function known(value = NaN): number | null {
  return Number.isNaN(value) ? null : value;
}
