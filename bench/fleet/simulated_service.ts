import { abortable } from "../../lib/async/abortable.ts";
import { delay } from "../../lib/async/delay.ts";
import { WakeUp } from "../../lib/async/wake_up.ts";
import type { ChangesRequest, HostChangesPage } from "../../lib/fleet/host_changes.ts";
import type { HostService } from "../../lib/fleet/host_methods.ts";
import type { CallContext, Job, LogBatch } from "../../lib/service/job_service.ts";
import { fakeService } from "../../tests/service/samples.ts";
import { FACTS, SIMULATED_EPOCH, simulatedJob } from "./simulated_jobs.ts";

/** As long as a real host waits for a change. */
const TELL_EVERY_MS = 9_000;

const OUTPUT = new TextEncoder().encode("hello\n");

/**
 * What a host does, without any process or file: a job is done as soon as it is started, and has printed a line.
 *
 * @param told the revision of its changes up to which the hub knows them already
 */
export function simulatedService(told: number): HostService {
  const jobs = new Map<string, Job>();
  const changed: Job[] = [];
  const change = new WakeUp();
  const find = ({ jobId }: { readonly jobId: string }) => {
    const job = jobs.get(jobId);
    if (job === undefined) throw new Error(`The host has no job ${jobId}`);
    return job;
  };
  return {
    ...fakeService({
      getJob: (request) => Promise.resolve(find(request)),
      waitJob: (request) => Promise.resolve(find(request)),
      async *streamLogs(request): AsyncIterable<LogBatch> {
        const job = find(request);
        const record = {
          offset: 0,
          time: job.startedAt ?? 0,
          stream: "stdout",
          data: OUTPUT,
        } as const;
        yield { records: [record], nextOffset: OUTPUT.byteLength, finishedJob: job };
      },
      pruneJobs: () => Promise.resolve({ jobs: [], count: 0, bytes: 0 }),
    }),
    placeJob({ jobId, start: { command, labels, requestId } }, { caller }) {
      const known = jobs.get(jobId);
      if (known !== undefined) return Promise.resolve(known);
      const job = { ...simulatedJob(jobId, caller.identity.user), command, labels, requestId };
      jobs.set(jobId, job);
      changed.push(job);
      change.notify();
      return Promise.resolve(job);
    },
    async changes(
      { epoch, revision, atOnce }: ChangesRequest,
      { signal }: CallContext,
    ): Promise<HostChangesPage> {
      const isAnew = epoch !== SIMULATED_EPOCH;
      const since = isAnew ? 0 : Math.max(0, revision - told);
      if (!isAnew && !atOnce && changed.length === since) {
        const over = new AbortController();
        const either = AbortSignal.any([signal, over.signal]);
        await Promise.race([
          abortable(change.next(), either),
          delay(TELL_EVERY_MS, { signal: either }),
        ]).finally(() => over.abort());
      }
      return {
        ...{ epoch: SIMULATED_EPOCH, revision: told + changed.length, isAnew, hasMore: false },
        ...{ jobs: changed.slice(since), removed: [] },
        facts: FACTS,
      };
    },
  };
}
