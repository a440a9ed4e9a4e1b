import { JobEngine } from "../../../lib/daemon/job_engine.ts";
import { JobWorkerError } from "../../../lib/errors.ts";
import { trailFiles } from "../../../lib/service/audit_files.ts";
import type { Job, JobService } from "../../../lib/service/job_service.ts";
import { assert } from "../../assert.ts";
import { ADMIN, wholeLog } from "../../service/fixture.ts";
import { TOOLS } from "../../process/tools.ts";
import { ENGINE_OPTIONS } from "./engine_options.ts";
import type { Told } from "./told.ts";

/** Checks that what callers were told holds in a data directory, once an engine has opened it. */
export async function checkPromises(dataDir: string, told: readonly Told[]): Promise<void> {
  const before = await trailsOf(dataDir);
  await using engine = await JobEngine.open({ ...ENGINE_OPTIONS, dataDir }, "/", TOOLS.setsid);
  const trails = await trailsOf(dataDir);
  for (const [name, text] of before) assert.ok(trails.get(name)?.startsWith(text), name);
  const lines = [...trails.values()].flatMap(linesOf);
  const inTrail = (wanted: Told & { kind: "changed" }) =>
    lines.some(({ method, jobId, result }) =>
      method === wanted.method && result === "ok" && jobId === wanted.jobId
    );
  const jobs = await jobsOf(engine.service);
  const isPruning = told.some(({ kind }) => kind === "pruning");
  for (const one of told) {
    const what = JSON.stringify(one);
    switch (one.kind) {
      case "changed":
        assert.ok(inTrail(one), `It is not in the audit trail: ${what}`);
        assert.ok(isPruning || jobs.has(one.jobId), `It is not recorded: ${what}`);
        break;
      case "ended": {
        const job = jobs.get(one.jobId);
        assert.ok(isPruning || job !== undefined, `It is not recorded: ${what}`);
        assert.notEqual(job?.end?.reason, "lost", what);
        break;
      }
      case "pruning":
        break;
      case "pruned":
        assert.ok(lines.some(({ method }) => method === "pruneJobs"));
        for (const jobId of one.jobIds) assert.ok(!jobs.has(jobId), `It has come back: ${jobId}`);
    }
  }
  for (const job of jobs.values()) await checkLog(engine.service, job, isPruning);
  for await (const { name } of Deno.readDir(`${dataDir}/logs`)) {
    assert.ok(jobs.has(name), `A log is left without a record: ${name}`);
  }
}

/** The log of a job has all that its record says, whether or not its end is known. */
async function checkLog(service: JobService, job: Job, isPruning: boolean): Promise<void> {
  const { jobId, stdoutBytes, stderrBytes, end } = job;
  let text = "";
  let gone = 0;
  try {
    for await (const { records, gap } of service.streamLogs(wholeLog(jobId), ADMIN)) {
      if (gap !== undefined) gone += gap.to - gap.from;
      for (const { data } of records) text += new TextDecoder().decode(data);
    }
  } catch (error) {
    // It goes before its record does.
    if (isPruning && error instanceof JobWorkerError && error.code === "not_found") return;
    throw error;
  }
  assert.equal(text.length + gone, stdoutBytes + stderrBytes, JSON.stringify(job));
  // Its files reach the disk in any order.
  assert.ok(gone === 0 || end?.reason === "lost", JSON.stringify(job));
  assert.ok(!text.includes("\0"), `It was not printed: ${JSON.stringify(job)}`);
}

async function jobsOf(service: JobService): Promise<Map<string, Job>> {
  const request = { filter: {}, pageSize: 1000, pageToken: "" };
  const { jobs } = await service.listJobs(request, ADMIN);
  return new Map(jobs.map((job) => [job.jobId, job]));
}

/** The files of the audit trail, by their paths. */
async function trailsOf(dataDir: string): Promise<Map<string, string>> {
  const trails = new Map<string, string>();
  for (const { path } of await trailFiles(`${dataDir}/audit.log`)) {
    trails.set(path, await Deno.readTextFile(path));
  }
  return trails;
}

interface Line {
  readonly method?: string;
  readonly jobId?: string;
  readonly result?: string;
  readonly damaged?: { readonly from: number; readonly to: number };
}

/** The lines of a trail in which whatever is none is marked. */
function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  const torn: number[] = [];
  let at = 0;
  for (const line of text.split("\n")) {
    try {
      lines.push(JSON.parse(line));
    } catch {
      if (line !== "") torn.push(at);
    }
    at += line.length + 1;
  }
  const marks = lines.flatMap(({ damaged }) => damaged ?? []);
  const isMarked = (at: number) => marks.some(({ from, to }) => from <= at && at < to);
  assert.deepEqual(torn.filter((at) => !isMarked(at)), []);
  return lines;
}
