import type { Cgroups } from "./cgroups.ts";
import type { Process } from "./process.ts";
import type { ProcessGroups } from "./process_groups.ts";
import type { Containment, JobUsage } from "../job/types.ts";

/** Whether a tree was empty, and if so what its processes have used, if the kernel tells. */
export type Release = { readonly empty: false } | {
  readonly empty: true;
  readonly usage: JobUsage | null;
};

/** Everything that a job has started, as far as it can be reached. */
export interface JobTree {
  readonly containment: Containment;
  /**
   * Sends a signal, and then SIGCONT, to each process that has not received it yet.
   *
   * @param signal as kill(1) takes it
   * @returns false if there is no process (yet, or any more)
   */
  signal(signal: string): Promise<boolean>;
  /**
   * Sends a signal to each process, whether or not it has received it before, and no SIGCONT.
   *
   * @returns false if there is no process (yet, or any more)
   */
  signalAgain(signal: string): Promise<boolean>;
  /** Sends SIGKILL to each process. */
  kill(): Promise<void>;
  /** Removes what holds the tree together, unless something in it is alive. */
  release(): Promise<Release>;
}

/** A tree held by a cgroup: nothing leaves it. */
export class CgroupTree implements JobTree {
  readonly containment = "cgroup";
  readonly #cgroups: Cgroups;
  readonly #jobId: string;
  readonly #sent = new Set<string>();

  constructor(cgroups: Cgroups, jobId: string) {
    this.#cgroups = cgroups;
    this.#jobId = jobId;
  }

  async signal(signal: string): Promise<boolean> {
    if (this.#sent.has(signal)) return true;
    this.#sent.add(signal);
    const reached = await this.#cgroups.signal(this.#jobId, signal);
    if (!reached) this.#sent.delete(signal);
    return reached;
  }

  async signalAgain(signal: string): Promise<boolean> {
    return await this.#cgroups.signal(this.#jobId, signal, { thenContinue: false });
  }

  async kill(): Promise<void> {
    await this.#cgroups.kill(this.#jobId);
  }

  async release(): Promise<Release> {
    const usage = await this.#cgroups.remove(this.#jobId);
    return usage === null ? { empty: false } : { empty: true, usage };
  }
}

/** The process groups of a session. A process that calls setsid(2) gets away. */
export class SessionTree implements JobTree {
  readonly containment = "process_group";
  readonly #groups: ProcessGroups;
  readonly #leader: Pick<Process, "pid" | "spawnedAt">;
  /** The signals that were sent, each with its group. */
  readonly #sent = new Set<string>();

  constructor(groups: ProcessGroups, leader: Pick<Process, "pid" | "spawnedAt">) {
    this.#groups = groups;
    this.#leader = leader;
  }

  signal(signal: string): Promise<boolean> {
    return this.#toEachGroup((group) => this.#signalGroup(signal, group));
  }

  signalAgain(signal: string): Promise<boolean> {
    return this.#toEachGroup((group) => this.#groups.signal(signal, group));
  }

  async kill(): Promise<void> {
    await this.signalAgain("KILL");
  }

  async release(): Promise<Release> {
    // Only /proc tells zombies apart, and who has left the leader's group, as what a shell with job control starts in
    // the background. The leader has been reaped, but as long as a process is in its session the kernel does not give
    // its number to another, and afterwards not before it has used all the others.
    const empty = (await this.#liveGroups()).length === 0;
    return empty ? { empty, usage: null } : { empty };
  }

  async #liveGroups(): Promise<number[]> {
    const { pid, spawnedAt } = this.#leader;
    return await this.#groups.liveGroups(pid, spawnedAt);
  }

  /** The leader's group first: usually it is the only one. */
  async #toEachGroup(send: (group: number) => Promise<boolean>): Promise<boolean> {
    const { pid } = this.#leader;
    let reached = await send(pid);
    for (const group of await this.#liveGroups()) {
      if (group !== pid && await send(group)) reached = true;
    }
    return reached;
  }

  async #signalGroup(signal: string, group: number): Promise<boolean> {
    const sent = `${signal} ${group}`;
    if (this.#sent.has(sent)) return true;
    this.#sent.add(sent);
    const exists = await this.#groups.signal(signal, group);
    if (exists) await this.#groups.signal("CONT", group);
    else this.#sent.delete(sent);
    return exists;
  }
}
