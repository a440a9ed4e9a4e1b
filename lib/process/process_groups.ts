import { Batcher } from "../async/batcher.ts";
import type { Process } from "./process.ts";
import { ProcShell, type ProcShellOptions } from "./proc_shell.ts";

interface LiveGroup {
  readonly session: number;
  readonly group: number;
}

/** Whose groups are asked for. */
interface Session {
  readonly session: number;
  /** See {@linkcode ProcessGroups.liveGroups}. */
  readonly since: number;
}

/** What there is at a path. */
export interface PathAccess {
  /** `null` if there is nothing, or it lies in a directory that we may not search. */
  readonly kind: "directory" | "file" | "other" | null;
  /** Whether we may enter the directory, or execute the file. */
  readonly usable: boolean;
}

/** See {@linkcode ProcessGroups.processesByJob}. */
export const ORPHANS = "launcher";

/** Linux gives process ids in order until it begins anew, which takes more time than with so many a millisecond. */
const IDS_PER_MS = 32;

const KINDS: Readonly<Record<string, PathAccess["kind"]>> = {
  d: "directory",
  f: "file",
  o: "other",
};

/** The longest path that Linux takes, see limits.h(0p). */
const PATH_MAX = 4096;

/** A question about very many paths is split, so that it holds up nobody else. */
const PATHS_AT_ONCE = 32;

/** Signals process groups and asks the kernel about them. */
export class ProcessGroups implements AsyncDisposable {
  /** For everything else that only the kernel can tell. */
  readonly shell: ProcShell;
  /** How many process ids there are; 0 if their order is not known, `null` before somebody wants to know. */
  #processIds: number | null = null;
  /** Leaders of sessions: none of them is in another, so that nobody need look at them. */
  readonly #leaders = new Set<number>();
  readonly #scans = new Batcher((sessions: readonly Session[]) => this.#scan(sessions));

  constructor(options: ProcShellOptions) {
    this.shell = new ProcShell(options);
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
   * The groups of a session in which a process is alive. Zombies do not count: perhaps nobody reaps them.
   *
   * Reading all of /proc takes 0.2 ms a process, so all callers who ask meanwhile share the next reading; of a session
   * that has just begun, it is enough to look at the processes that are younger.
   *
   * @param since a time of `performance.now()` before which nothing was in the session; by default, that is not known
   */
  async liveGroups(session: number, since: number = -Infinity): Promise<number[]> {
    const found = await this.#scans.add({ session, since });
    return found.filter((pair) => pair.session === session).map((pair) => pair.group);
  }

  /** Is told of a process that leads a session of its own, or is about to: it need not be looked at for others. */
  addLeader({ pid, exit }: Pick<Process, "pid" | "exit">): void {
    this.#leaders.add(pid);
    void exit.then(() => this.#leaders.delete(pid));
  }

  /**
   * What there is at some paths, and whether this process may execute or enter it. The kernel decides
   * that (access(2), real user and groups); the mode bits alone would only allow a guess.
   *
   * @param paths absolute; one with a line end, or too long for the kernel, counts as missing
   */
  async access(paths: readonly string[]): Promise<PathAccess[]> {
    const accesses: PathAccess[] = [];
    for (let at = 0; at < paths.length; at += PATHS_AT_ONCE) {
      const lines = paths.slice(at, at + PATHS_AT_ONCE).map((path) =>
        path.includes("\n") || path.length >= PATH_MAX ? "" : path
      );
      const answer = await this.shell.ask(`access ${lines.length}`, lines);
      for (const word of answer.split(" ")) {
        accesses.push({ kind: KINDS[word.charAt(0)] ?? null, usable: word.endsWith("x") });
      }
    }
    return accesses;
  }

  /**
   * The processes that jobs have started, by the `JOB_ID` in their environment, which every child
   * inherits, even one that has left the job's session. For use after a crash: it reads all of /proc.
   *
   * @returns process ids by job id; by {@linkcode ORPHANS}, those of launchers whose executor is gone, and which may
   *   be about to become a job
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
   * What tells a process from any other that has, had or will have its id: the id of this boot, and the
   * start time in clock ticks.
   *
   * @returns `"BOOT-ID:TICKS"`, or `""` if there is no such process
   */
  async identityOf(pid: number): Promise<string> {
    return await this.shell.ask(`identity ${pid}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shell[Symbol.asyncDispose]();
  }

  async #scan(sessions: readonly Session[]): Promise<LiveGroup[]> {
    const asked = [...new Set(sessions.map(({ session }) => session))];
    const answer = await this.shell.ask(
      await this.#areYoung(sessions)
        ? `young_sessions ${asked.join(" ")} - ${this.#othersThan(asked).join(" ")}`
        : `sessions ${asked.join(" ")}`,
    );
    return answer.split(" ").filter((pair) => pair !== "").map((pair) => {
      const [session, group] = pair.split(":");
      return { session: Number(session), group: Number(group) };
    });
  }

  /** The leaders of younger sessions than some. */
  #othersThan(asked: readonly number[]): number[] {
    const oldest = Math.min(...asked);
    return [...this.#leaders].filter((pid) => pid > oldest && !asked.includes(pid));
  }

  /** Whether all of their processes have higher ids than their leaders. */
  async #areYoung(sessions: readonly Session[]): Promise<boolean> {
    const age = performance.now() - Math.min(...sessions.map(({ since }) => since));
    if (!Number.isFinite(age)) return false;
    try {
      this.#processIds ??= Number(await this.shell.ask("process_ids"));
      return age * IDS_PER_MS < this.#processIds;
    } catch {
      // Whoever looks at all needs no process for that.
      return false;
    }
  }
}
