/** A clock tick, in which /proc counts processor time on Linux, in milliseconds. */
const TICK_MS = 10;

/** The processes of a program: itself, all that it has started, and the executors of a data directory. */
export class RoleProcesses {
  readonly #pid: number;
  readonly #dataDirectory: string | null;

  constructor(pid: number, dataDirectory: string | null = null) {
    this.#pid = pid;
    this.#dataDirectory = dataDirectory;
  }

  /** The processor time that they have used, with all programs that have ended, in milliseconds. */
  async processorMs(): Promise<number> {
    let ticks = 0;
    for (const { fields } of await this.#living()) {
      // utime, stime, cutime, cstime: see proc_pid_stat(5).
      ticks += fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    }
    return ticks * TICK_MS;
  }

  /**
   * The processor time that those which live have used, in milliseconds, to the microsecond: the scheduler's own account
   * of each thread, see `sched-stats` of the kernel's documentation.
   */
  async exactMs(): Promise<number> {
    let nanoseconds = 0;
    for (const { pid } of await this.#living()) {
      for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
        const path = `/proc/${pid}/task/${name}/schedstat`;
        const [used = "0"] = (await Deno.readTextFile(path).catch(() => "")).split(" ");
        nanoseconds += Number(used);
      }
    }
    return nanoseconds / 1e6;
  }

  /** Their proportional shares of memory (Pss), in mebibytes, see proc_pid_smaps(5). */
  async memoryMiB(): Promise<number> {
    const shares = await Promise.all((await this.#living()).map(({ pid }) => pssMiB(pid)));
    return shares.reduce((sum, share) => sum + share, 0);
  }

  async #living(): Promise<readonly Living[]> {
    const all = await livingProcesses();
    const known = new Set(all.filter((process) => this.#isRoot(process)).map(({ pid }) => pid));
    // A parent need not have a lower id than its child.
    for (let before = 0; before < known.size;) {
      before = known.size;
      for (const { pid, parent } of all) if (known.has(parent)) known.add(pid);
    }
    return all.filter(({ pid }) => known.has(pid));
  }

  #isRoot({ pid, line }: Living): boolean {
    if (pid === this.#pid) return true;
    return this.#dataDirectory !== null && line.includes(`${this.#dataDirectory}/executor.`);
  }
}

interface Living {
  readonly pid: number;
  readonly parent: number;
  /** Its arguments, each with a NUL behind it. */
  readonly line: string;
  /** What stands behind its name, see proc_pid_stat(5). */
  readonly fields: readonly string[];
}

async function livingProcesses(): Promise<readonly Living[]> {
  const found: Living[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const [stat, line] = await Promise.all(
      ["stat", "cmdline"].map((file) => Deno.readTextFile(`/proc/${name}/${file}`).catch(() => "")),
    );
    if (!stat) continue;
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    found.push({ pid: Number(name), parent: Number(fields[1]), line: line ?? "", fields });
  }
  return found;
}

/** The proportional share of memory (Pss) of a process, in mebibytes; 0 if it has ended. */
export async function pssMiB(pid: number | "self"): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`).catch(() => "");
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) / 1024;
}
