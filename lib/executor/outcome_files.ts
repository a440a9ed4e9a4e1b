import { JobWorkerError, messageOf } from "../errors.ts";
import { flushDirectory, flushFile } from "../files/flush.ts";
import { isLasting } from "../files/lasting.ts";
import type { JobOutcome, RunningJob } from "./executor.ts";

/** What a job came to, and whether its start is recorded. */
export type StoredOutcome = JobOutcome & Pick<RunningJob, "isConfirmed">;

/**
 * What jobs came to while no engine was there to record it, on the disk: an executor may be gone before the
 * next engine asks. A file for each job, as JSON.
 */
export class OutcomeFiles {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Makes the directory, with mode 0700, if there is none.
   *
   * @throws `failed_precondition` if that is impossible, `unavailable` if it may work later
   */
  static async open(directory: string): Promise<OutcomeFiles> {
    try {
      await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
      return new OutcomeFiles(directory);
    } catch (error) {
      const code = isLasting(error) ? "failed_precondition" : "unavailable";
      const message = `Cannot keep outcomes of jobs in "${directory}": ${messageOf(error)}`;
      throw new JobWorkerError(code, message, { cause: error });
    }
  }

  async write(jobId: string, outcome: StoredOutcome): Promise<void> {
    const draft = `${this.#directory}/${jobId}.new`;
    await Deno.writeTextFile(draft, JSON.stringify(outcome), { mode: 0o600 });
    await flushFile(draft);
    await Deno.rename(draft, this.#pathOf(jobId));
    await flushDirectory(this.#directory);
  }

  /** What a job came to; `null` if that is not here, or was not written to its end. */
  async read(jobId: string): Promise<StoredOutcome | null> {
    try {
      return JSON.parse(await Deno.readTextFile(this.#pathOf(jobId)));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return null;
      throw error;
    }
  }

  async remove(jobId: string): Promise<void> {
    try {
      await Deno.remove(this.#pathOf(jobId));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Removes what is here of all jobs but these. */
  async removeOthers(jobIds: ReadonlySet<string>): Promise<void> {
    for await (const { name } of Deno.readDir(this.#directory)) {
      if (!jobIds.has(name.replace(/\.json$/, ""))) await Deno.remove(`${this.#directory}/${name}`);
    }
  }

  #pathOf(jobId: string): string {
    return `${this.#directory}/${jobId}.json`;
  }
}
