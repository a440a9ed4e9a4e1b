import { commandText } from "../job/job_words.ts";
import { quoted } from "../text/quoted.ts";
import { Interrupted, type Io, tell, warn } from "./io.ts";
import type { Job, JobClient } from "./job_client.ts";
import type { NewJob } from "./invocation.ts";

/**
 * Waits for a call that changes something. Users who leave before the answer are told what may have
 * happened.
 *
 * @param fate what may have happened
 */
export async function changing<T>(io: Io, call: Promise<T>, fate: string): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Interrupted) {
      await warn(io, `${error.message} before the daemon answered: ${fate}`);
    }
    throw error;
  }
}

/**
 * Starts a job. The first Ctrl-C does not interrupt this, because leaving in the middle of a start could
 * leave a job whose id nobody knows.
 */
export async function startJob(
  { io, client }: { io: Io; client: Pick<JobClient, "startJob"> },
  job: NewJob,
): Promise<Job> {
  const onInterrupted = () =>
    void tell(
      io,
      "The daemon has been asked to start the job; press Ctrl-C again to leave without its answer",
    );
  io.interrupted.addEventListener("abort", onInterrupted, { once: true });
  try {
    const started = await changing(
      io,
      client.startJob(job, { signal: io.interruptedAgain }),
      "the job may have been started or queued; to see the newest jobs: worker-cli list",
    );
    if (job.ifHostLost === "rerun") {
      await tell(io, "If its host is lost, the job is run again elsewhere: it may run twice");
    }
    if (job.requestId !== "" && !runsTheSame(job, started)) {
      // Whoever reuses an id by mistake would take the outcome of one command for that of another.
      await warn(
        io,
        `Nothing was started: the request id ${
          quoted(job.requestId)
        } is that of job ${started.jobId}, ` +
          `which is another command: ${commandText(started)}`,
      );
    }
    return started;
  } finally {
    io.interrupted.removeEventListener("abort", onInterrupted);
  }
}

function runsTheSame({ command }: NewJob, started: Job): boolean {
  const words = ({ name, args }: { readonly name: string; readonly args: readonly string[] }) =>
    JSON.stringify([name, ...args]);
  return words(command) === words(started.command);
}
