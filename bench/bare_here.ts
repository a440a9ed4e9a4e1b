import { BareDisk } from "./bare_disk.ts";
import { BareFiles } from "./bare_files.ts";
import { BareJobs } from "./bare_jobs.ts";
import type { BareQuestions } from "./bare_questions.ts";
import { runHere } from "./bare_run.ts";

/**
 * Jobs of a bare program that runs and records them itself, with the usual limit of open files.
 *
 * @param directory is there, and empty
 * @param questions what is asked of each job, if anything is: then it is recorded before it has a process, too
 */
export function bareHere(directory: string, questions: BareQuestions | null): BareJobs {
  const logs = new BareFiles(directory);
  return new BareJobs(
    (jobId, command) => runHere(command, logs.write(jobId), { withUsualFiles: true, questions }),
    logs,
    new BareDisk(directory),
    { isCareful: questions !== null },
  );
}

/** Runs `true` to its end. */
export async function runBare(jobs: BareJobs): Promise<void> {
  const jobId = await jobs.start({ name: "true", args: [] });
  for await (const _ of jobs.messages(jobId)) { /* To its end. */ }
}
