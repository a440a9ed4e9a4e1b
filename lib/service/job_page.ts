import { Buffer } from "node:buffer";
import type { Job, JobPage } from "../worker/mod.ts";
import type { ListJobsResponse } from "./job_service.ts";

/**
 * What the jobs of one answer may come to, in bytes. Clients of gRPC take no message above 4 MiB unless
 * they are told to, and one job, of which execve(2) lets the command have 2 MiB, always fits.
 */
const MAX_BYTES = 3 * 1024 * 1024;

/** At once from the store: of the largest jobs there are, all of a page would be gigabytes. */
const STEP = 32;

/** Tells of one job after the other whether the answer has room for it. The first always has. */
export function answerRoom(): (job: Job) => boolean {
  let room = MAX_BYTES;
  let isFirst = true;
  return (job) => {
    room -= sizeOf(job);
    const fits = isFirst || room >= 0;
    isFirst = false;
    return fits;
  };
}

/** In bytes, a little more than it takes: all that a user chose, and what else a job consists of. */
function sizeOf({ command, labels }: Job): number {
  const { name, args, env, workingDirectory } = command;
  const texts = [name, ...args, workingDirectory, ...Object.entries(env).flat()];
  texts.push(...Object.entries(labels).flat());
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 8, 1024);
}

/**
 * Gathers one page of jobs: as many as were asked for, or fewer if those are too large for one answer.
 *
 * @param list the jobs that a caller may see, the newest first
 */
export async function jobPage(
  list: (page: JobPage) => Promise<readonly Job[]>,
  page: JobPage,
): Promise<ListJobsResponse> {
  const jobs: Job[] = [];
  const fits = answerRoom();
  let before = page.before;
  for (;;) {
    // One more than is shown tells whether there is another page.
    const limit = Math.min(STEP, page.limit + 1 - jobs.length);
    const found = await list({ limit, ...(before !== undefined && { before }) });
    for (const job of found) {
      if (jobs.length === page.limit || !fits(job)) return { jobs, nextPageToken: before ?? "" };
      jobs.push(job);
      before = job.jobId;
    }
    if (found.length < limit) return { jobs, nextPageToken: "" };
  }
}
