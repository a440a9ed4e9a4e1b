import { KernelShell, type KernelShellOptions } from "./kernel_shell.ts";

interface LiveGroup {
  readonly session: number;
  readonly group: number;
}

/** Signals process groups and asks the kernel about them. */
export class ProcessGroups implements AsyncDisposable {
  /** For the other things that only the kernel can tell. */
  readonly shell: KernelShell;
  /** Sessions to look for in the next scan. */
  #wanted = new Set<number>();
  #scan: Promise<unknown> = Promise.resolve();
  #nextScan: Promise<LiveGroup[]> | null = null;

  constructor(options: KernelShellOptions) {
    this.shell = new KernelShell(options);
  }

  /**
   * Sends a signal to every process of a group.
   *
   * @param signal a name without `SIG`, or a number
   * @returns false if there is no such group (yet, or any more)
   */
  async signal(signal: string, group: number): Promise<boolean> {
    return await this.shell.ask(`signal ${signal} ${group}`) === "0";
  }

  /**
   * The groups of a session in which something is alive. Zombies are not: nobody may reap them.
   *
   * A look at all processes takes milliseconds, so all who ask while one is under way share the next.
   */
  async liveGroups(session: number): Promise<number[]> {
    this.#wanted.add(session);
    this.#nextScan ??= this.#scanAfter(this.#scan);
    const found = await this.#nextScan;
    return found.filter((pair) => pair.session === session).map((pair) => pair.group);
  }

  /**
   * Whether this process may execute a file or enter a directory, by the kernel's own judgement
   * (access(2), real user and groups), which a look at the mode bits can only guess.
   *
   * @param path absolute, without a line end
   */
  async mayExecute(path: string): Promise<boolean> {
    return await this.shell.ask(`may_execute ${path}|`) === "0";
  }

  /**
   * The processes that were started by a job, by the `JOB_ID` in their environment, which every child
   * inherits: those that have left its session too. For after a crash; it looks at every process.
   *
   * @returns process ids by job id
   */
  async processesByJob(): Promise<Map<string, number[]>> {
    const processes = new Map<string, number[]>();
    for (const pair of (await this.shell.ask("jobs")).split(" ").filter((pair) => pair !== "")) {
      const [jobId = "", pid] = pair.split(":");
      processes.set(jobId, [...processes.get(jobId) ?? [], Number(pid)]);
    }
    return processes;
  }

  /** Kills one process. */
  async kill(pid: number): Promise<void> {
    await this.shell.ask(`kill ${pid}`);
  }

  /** The hard limit of open files, which the jobs inherit (getrlimit(2)). */
  async descriptorLimit(): Promise<number> {
    const answer = await this.shell.ask("descriptors");
    return answer === "unlimited" ? Infinity : Number(answer);
  }

  /**
   * What makes a process id unique: the id of this boot, and the start time in clock ticks.
   *
   * @returns `"BOOT-ID:TICKS"`, or `""` if there is no such process
   */
  async birthOf(pid: number): Promise<string> {
    return await this.shell.ask(`born ${pid}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shell[Symbol.asyncDispose]();
  }

  async #scanAfter(scan: Promise<unknown>): Promise<LiveGroup[]> {
    await scan.catch(() => {});
    const answer = this.shell.ask(`sessions ${[...this.#wanted].join(" ")}`);
    this.#wanted = new Set();
    this.#nextScan = null;
    this.#scan = answer;
    return (await answer).split(" ").filter((pair) => pair !== "").map((pair) => {
      const [session, group] = pair.split(":");
      return { session: Number(session), group: Number(group) };
    });
  }
}
