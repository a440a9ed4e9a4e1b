import { JobWorkerError } from "../../errors.ts";
import type { Context } from "../context.ts";
import { printFailure } from "../failure.ts";
import type { StopAllVerb } from "../invocation.ts";
import { Interrupted, OutputClosed, printLine, tell, warn } from "../io.ts";
import type { Job, JobFilter } from "../job_client.ts";
import { allPages, jobPages } from "../job_pages.ts";
import { jobJson } from "../../job/job_json.ts";
import { LIVE_STATUSES, statusOf } from "../../job/types.ts";
import { outcomeText } from "../job_text.ts";
import { jsonLine } from "../../text/printable.ts";

/** How many jobs to stop at the same time, so that their grace periods overlap. */
const AT_ONCE = 64;

/** The exit status if any job could not be stopped. */
const SOME_FAILED = 1;

/**
 * Stops every job that matches and runs or waits in the queue, and prints a line for each when it has ended. If one
 * cannot be stopped, stderr says why, and the others are stopped all the same.
 */
export async function stopAll(context: Context, verb: StopAllVerb): Promise<number> {
  const { io } = context;
  const filter: JobFilter = {
    statuses: LIVE_STATUSES,
    ...(verb.owner !== "" && { owner: verb.owner }),
    labels: verb.labels,
  };
  // All pages first, because stopping jobs changes the list. Then those that wait, so that none of them gets the
  // slot of one that has been stopped.
  const { jobs: found } = await allPages(jobPages(context, filter));
  const jobs = found.toSorted((a, b) => rank(a) - rank(b));
  await tell(
    io,
    jobs.length === 0 ? "No jobs" : `Stopping ${jobs.length} ${jobs.length === 1 ? "job" : "jobs"}`,
  );
  const left = jobs.values();
  let [asked, answered, exitStatus] = [0, 0, 0];
  const unread: OutputClosed[] = [];
  const stopSome = async () => {
    for (const job of left) {
      asked++;
      const stopped = await stopOne(context, job, verb).catch((error) => {
        if (!(error instanceof OutputClosed)) throw error;
        // All of the jobs are to be stopped, even if nobody reads all of the lines.
        unread.push(error);
        return true;
      });
      answered++;
      if (!stopped) exitStatus = SOME_FAILED;
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, stopSome));
  } catch (error) {
    if (error instanceof Interrupted) {
      await warn(
        io,
        `${error.message}: the daemon has answered for ${answered} of ${jobs.length} jobs; ` +
          `${asked - answered} may still be stopping, and ${
            jobs.length - asked
          } were not asked to stop`,
      );
    }
    throw error;
  }
  if (unread[0] !== undefined) throw unread[0];
  return exitStatus;
}

/** Whether a job is to be stopped before or after others. */
function rank(job: Job): number {
  return statusOf(job) === "queued" ? 0 : 1;
}

async function stopOne(
  context: Context,
  { jobId }: Job,
  { stopSignal, gracePeriodMs }: StopAllVerb,
): Promise<boolean> {
  const { io, settings, client } = context;
  const options = { signal: io.interrupted };
  try {
    const job = await client.stopJob({ jobId, stopSignal, gracePeriodMs }, options)
      .catch(async (error) => {
        if (!(error instanceof JobWorkerError && error.code === "failed_precondition")) throw error;
        // The job has ended by itself in the meantime.
        return await client.getJob({ jobId }, options);
      });
    const line = settings.json ? jsonLine(jobJson(job)) : `${jobId}\t${outcomeText(job)}`;
    await printLine(io.stdout, line);
    return true;
  } catch (error) {
    if (error instanceof OutputClosed || io.interrupted.aborted) throw error;
    await printFailure(context, error);
    return false;
  }
}
