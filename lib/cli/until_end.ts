import { Interrupted, type Io, warn } from "./io.ts";
import { leftText } from "./job_text.ts";

/** Waits for the end of a job. Users who leave earlier are told that the job keeps running. */
export async function untilEnd<T>(io: Io, jobId: string, end: Promise<T>): Promise<T> {
  try {
    return await end;
  } catch (error) {
    if (error instanceof Interrupted) await warn(io, `${error.message}. ${leftText(jobId)}`);
    throw error;
  }
}
