import type { HostFacts } from "../../lib/fleet/host_changes.ts";
import type { Registry } from "../../lib/fleet/registry.ts";
import { newId } from "../../lib/ids.ts";
import type { Job } from "../../lib/job/types.ts";
import { WHOLE_JOB } from "../../tests/service/samples.ts";

/** The change log of every simulated host, so that a registry can have what they are said to have told. */
export const SIMULATED_EPOCH = "simulated";

/** What each of them says of itself. */
export const FACTS: HostFacts = { version: "simulated", running: 0, queued: 0, load: 0 };

/** How many jobs a host tells at a time, as a real one does. */
const PAGE = 500;

/** The jobs of so many are in the index. */
const OWNERS = 100;

/** One job in so many has failed, and one in so many has a label. */
const RARE = 1_000;
const LABELLED = 10;

/** A label that some jobs of the index have. */
export const LABEL = { team: "blue" };

/** A job that is done. */
export function simulatedJob(jobId: string, owner: string): Job {
  const { host: _, asOf: __, queue: ___, ...job } = WHOLE_JOB;
  return {
    ...job,
    ...{ jobId, owner, queue: null, labels: {} },
    end: {
      status: "done",
      reason: "exited",
      exitStatus: { code: 0 },
      finishedAt: job.end.finishedAt,
    },
  };
}

/** The owner of the n-th job. */
export function ownerOf(index: number): string {
  return `user-${index % OWNERS}`;
}

/**
 * Makes the registry of a hub that has heard of so many jobs, each of one of the hosts.
 *
 * @returns the revision up to which it knows the changes of each host
 */
export async function fillRegistry(
  registry: Registry,
  hosts: readonly string[],
  jobs: number,
): Promise<number> {
  const each = Math.ceil(jobs / hosts.length);
  let made = 0;
  const job = (): Job => {
    const index = made++;
    const done = simulatedJob(newId(), ownerOf(index));
    const labels = index % LABELLED === 0 ? LABEL : {};
    if (index % RARE !== 0 || done.end === null) return { ...done, labels };
    const end = { ...done.end, status: "failed", exitStatus: { code: 1 } } as const;
    return { ...done, labels, end };
  };
  for (let told = 0; told < each; told += PAGE) {
    const length = Math.min(PAGE, each - told);
    for (const host of hosts) {
      await registry.apply(host, {
        ...{ epoch: SIMULATED_EPOCH, revision: told + length, isAnew: told === 0 },
        ...{ jobs: Array.from({ length }, job), removed: [], hasMore: told + length < each },
        facts: FACTS,
      }, Date.now());
    }
  }
  return each;
}
