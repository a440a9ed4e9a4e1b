import { JobWorkerError } from "../errors.ts";
import { type Job, statusOf } from "./types.ts";
import { quoted } from "../text/quoted.ts";

/**
 * What a job may be called: as containers are, but for what could be a job id or a part of one. So of whatever
 * somebody types, it is plain whether it is a name.
 */
export const JOB_NAME = /^(?=.*[g-zG-Z_.])[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** The same in words. */
export const JOB_NAME_RULE =
  "must be 1 to 63 letters, digits, and (not first) any of _.-, and not of 0-9, a-f and - alone, " +
  "which could be a job id";

/**
 * Refuses what no job may be called.
 *
 * @param name `""` for no name
 * @throws `invalid_argument`, naming the name and what is accepted
 */
export function checkJobName(name: string): void {
  if (name === "" || JOB_NAME.test(name)) return;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid name ${quoted(name)}: it ${JOB_NAME_RULE}`,
    {
      field: "name",
    },
  );
}

/** What is said to an owner whose job cannot have a name, since another one has it. */
export function nameTaken(job: Job): JobWorkerError {
  const { name, jobId } = job;
  return new JobWorkerError(
    "already_exists",
    `Cannot call the job "${name}": job "${jobId}" has that name, and is ${
      statusOf(job)
    }; stop it, wait until ` +
      "it has ended, or choose another name",
    { field: "name" },
  );
}
