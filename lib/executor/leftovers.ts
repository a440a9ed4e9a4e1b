import { delay } from "../async/delay.ts";
import type { StoredJob } from "../job/job_store.ts";
import type { Cgroups } from "../process/cgroups.ts";
import { ORPHANS, type ProcessGroups } from "../process/process_groups.ts";

/** Killed processes take a moment to go, and may have started others just before. */
const LOOK_AGAIN_MS = 20;
const MAX_LOOKS = 100;

/** Where to look for what jobs have left behind. */
export interface LeftoversOptions {
  readonly groups: ProcessGroups;
  /** The cgroups that an earlier executor may have used, whether or not we do. */
  readonly findCgroups: () => Promise<Pick<Cgroups, "kill" | "remove"> | null>;
}

/** Kills what is left of jobs whose executor is gone. */
export async function killLeftovers(
  jobs: readonly StoredJob[],
  { groups, findCgroups }: LeftoversOptions,
): Promise<void> {
  if (jobs.length === 0) return;
  const inCgroups = jobs.filter(({ job }) => job.containment !== "process_group");
  if (inCgroups.length > 0) await endCgroups(inCgroups, await findCgroups());
  await killSurvivors(jobs, groups);
}

/** What is in the cgroup of a job is the job's, whatever it has become. */
async function endCgroups(
  jobs: readonly StoredJob[],
  cgroups: Pick<Cgroups, "kill" | "remove"> | null,
): Promise<void> {
  if (cgroups === null) return;
  await Promise.all(jobs.map(async ({ job: { jobId } }) => {
    for (let look = 0; look < MAX_LOOKS; look++) {
      // Each time, since a job that was just being started may enter it now; once it is gone, none can.
      await cgroups.kill(jobId);
      if (await cgroups.remove(jobId) !== null) return;
      await delay(LOOK_AGAIN_MS);
    }
  }));
}

/** Kills what the jobs have left, until nothing is found any more. */
async function killSurvivors(jobs: readonly StoredJob[], groups: ProcessGroups): Promise<void> {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const byJob = await groups.processesByJob();
    // All at once: those who ask for the groups of a session share one look at all processes.
    const killed = await Promise.all(
      jobs.map((stored) => killRest(stored, byJob.get(stored.job.jobId) ?? [], groups)),
    );
    const orphans = byJob.get(ORPHANS) ?? [];
    await Promise.all(orphans.map((pid) => groups.kill(pid)));
    if (orphans.length === 0 && killed.every((count) => count === 0)) return;
    await delay(LOOK_AGAIN_MS);
  }
}

/**
 * Kills what one job has left. A process belongs to the job if it has the id *and* the start time of the
 * job's leader, and then so does its session; or if its environment names the job, which nothing else
 * knows. A process that merely got an id which was once the job's is left alone.
 *
 * @param named the processes whose environment names the job
 * @returns how much there was to kill
 */
async function killRest(
  { job: { pid }, processIdentity }: StoredJob,
  named: readonly number[],
  groups: ProcessGroups,
): Promise<number> {
  const isLeader = processIdentity !== "" && await groups.identityOf(pid) === processIdentity;
  const session = isLeader ? await groups.liveGroups(pid) : [];
  await Promise.all([
    ...session.map((group) => groups.signal("KILL", group)),
    ...named.map((pid) => groups.kill(pid)),
  ]);
  return session.length + named.length;
}
