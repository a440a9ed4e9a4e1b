import { readJob, type StoredJob } from "../job/decode_job.ts";
import type { Job } from "../job/types.ts";
import type { HostService } from "./host_methods.ts";

/** What a host answers, once or as one of many. */
type HostAnswer<Name extends keyof HostService> = ReturnType<HostService[Name]> extends
  Promise<infer Answer> ? Answer
  : ReturnType<HostService[Name]> extends AsyncIterable<infer Answer> ? Answer
  : never;

type Read<Answer> = (answer: Answer) => Answer;

/** The methods whose answers are a job. */
type AnsweringJob = {
  [Name in keyof HostService]: HostAnswer<Name> extends Job ? Name : never;
}[keyof HostService];

/** Where there are jobs in the answers of hosts. */
const READERS:
  & { readonly [Name in AnsweringJob]: Read<Job> }
  & { readonly [Name in keyof HostService]?: Read<HostAnswer<Name>> } = {
    startJob: told,
    placeJob: told,
    stopJob: told,
    getJob: told,
    waitJob: told,
    watchJobs: told,
    signalJob: told,
    updateJob: told,
    listJobs: withJobs,
    pruneJobs: withJobs,
    changes: withJobs,
    streamLogs(batch) {
      const { finishedJob } = batch;
      return finishedJob === null ? batch : { ...batch, finishedJob: told(finishedJob) };
    },
  };

/**
 * The answer of a host, which may run an older or a newer version than the hub: hosts are not all upgraded at the same
 * moment. What it does not tell of a job is what was true of all jobs then.
 *
 * @throws `TypeError` for a job that no version has told like that
 */
export function readHostAnswer(name: keyof HostService, answer: unknown): unknown {
  const read = READERS[name] as Read<unknown> | undefined;
  return read === undefined ? answer : read(answer);
}

/** Also with what is not recorded of a job. */
function told(job: StoredJob): Job {
  return { ...job, ...readJob(job), queue: job.queue ?? null };
}

function withJobs<Answer extends { readonly jobs: readonly Job[] }>(answer: Answer): Answer {
  return { ...answer, jobs: answer.jobs.map(told) };
}
