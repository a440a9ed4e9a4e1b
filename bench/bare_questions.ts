import { CLEAN_ENVIRONMENT } from "../lib/executor/prepare.ts";
import { findProgram } from "../lib/process/program.ts";
import { ProcessGroups } from "../lib/process/process_groups.ts";
import { findTools } from "../lib/process/tools.ts";

/**
 * What a daemon has to ask of each job, if it is to refuse a program that there is not, find the job again after a
 * crash, and leave nothing of it behind. A shell answers, since Deno tells none of that to a process of few permissions.
 */
export class BareQuestions implements AsyncDisposable {
  readonly #groups: ProcessGroups;
  readonly #hasCgroups: boolean;

  private constructor(groups: ProcessGroups, hasCgroups: boolean) {
    this.#groups = groups;
    this.#hasCgroups = hasCgroups;
  }

  /** @param options.cgroups whether each job has a cgroup, which tells its processes from others */
  static async open({ cgroups = false } = {}): Promise<BareQuestions> {
    return new BareQuestions(new ProcessGroups(await findTools()), cgroups);
  }

  /** Before a job starts: where its program is. */
  async before(name: string): Promise<void> {
    const { PATH: path } = CLEAN_ENVIRONMENT;
    await findProgram(name, { path, workingDirectory: "/", groups: this.#groups });
  }

  /** Once it runs: what tells its process from others. */
  async started({ pid, status }: Pick<Deno.ChildProcess, "pid" | "status">): Promise<void> {
    if (this.#hasCgroups) return;
    this.#groups.addLeader({ pid, exit: status });
    await this.#groups.identityOf(pid);
  }

  /**
   * Once its first process has ended: what else there is of it.
   *
   * @param since a time of `performance.now()` before it started
   */
  async ended(pid: number, since: number): Promise<void> {
    if (!this.#hasCgroups) await this.#groups.liveGroups(pid, since);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#groups[Symbol.asyncDispose]();
  }
}
