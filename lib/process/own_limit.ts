import type { ProcShell } from "./proc_shell.ts";

/** What a job takes of us at the most: its pipes, its log, and what of that is being flushed. */
const DESCRIPTORS_OF_A_JOB = 6;

/** Options of {@linkcode OwnLimit.lower}. */
export interface OwnLimitOptions {
  readonly shell: Pick<ProcShell, "ask">;
  /** The soft limit of open files that jobs get, and the hard one. */
  readonly soft: number;
  readonly hard: number;
  /** The process; this one by default. */
  readonly pid?: number;
}

/**
 * The soft limit of open files of this process. Deno raises it for itself, and jobs inherit it: a shell would have to
 * lower it again for each, which takes 0.5 ms. As long as we need no more, it stays where jobs are to have it.
 */
export class OwnLimit {
  readonly #options: OwnLimitOptions;
  /** `unsure` while it is being raised, and after that has failed. */
  #state: "low" | "unsure" | "high" = "high";
  #jobs = 0;
  #raising: Promise<void> | null = null;

  private constructor(options: OwnLimitOptions) {
    this.#options = options;
  }

  /**
   * Lowers the limit. Where jobs would inherit something else that they are not to have, such as an exemption from
   * being killed for want of memory, it stays as it is.
   */
  static async lower(options: OwnLimitOptions): Promise<OwnLimit> {
    const own = new OwnLimit(options);
    const isPlain = await options.shell.ask("oom_score_adj") === "0";
    if (isPlain && await own.#set(options.soft)) own.#state = "low";
    return own;
  }

  /** Whether what is started now has the limits of jobs. */
  get isOfJobs(): boolean {
    return this.#state === "low";
  }

  /**
   * Has room for one more job, for which the limit may have to be raised for good. If that fails the next one tries
   * again.
   *
   * @returns to be disposed of once it has ended
   */
  async makeRoom(): Promise<Disposable> {
    this.#jobs++;
    const { soft, hard } = this.#options;
    // There is as much again for all else.
    const isTight = 2 * this.#jobs * DESCRIPTORS_OF_A_JOB > soft;
    if (this.#state !== "high" && isTight && soft < hard) {
      this.#raising ??= this.#raise().finally(() => this.#raising = null);
    }
    await this.#raising;
    return { [Symbol.dispose]: () => void this.#jobs-- };
  }

  async #raise(): Promise<void> {
    this.#state = "unsure";
    if (await this.#set(this.#options.hard).catch(() => false)) this.#state = "high";
  }

  async #set(limit: number): Promise<boolean> {
    const { shell, pid = Deno.pid } = this.#options;
    const value = Number.isFinite(limit) ? `${limit}` : "unlimited";
    return await shell.ask(`limit ${pid} ${value}`) === "0";
  }
}
