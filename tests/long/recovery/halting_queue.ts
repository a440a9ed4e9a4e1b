/**
 * An engine that starts a job from its queue, and halts at a step of that to be killed there. It prints `halted`
 * then.
 *
 * Arguments: the data directory; the step; and a file to which the job adds a line.
 *
 * @module
 */

import { JobEngine } from "../../../lib/daemon/job_engine.ts";
import { completeExecution } from "../../../lib/job/execution.ts";
import { SqliteStore } from "../../../lib/store/sqlite_store.ts";
import { job } from "../../executor/job_fixture.ts";
import { TOOLS } from "../../process/tools.ts";
import { ENGINE_OPTIONS } from "./engine_options.ts";
import { QUEUED_ID, type Step } from "./queued_start.ts";

const [dataDir = "", step, note = ""] = Deno.args as [string, Step, string];

async function halt(): Promise<never> {
  Deno.stdout.writeSync(new TextEncoder().encode("halted\n"));
  return await new Promise(() => {});
}

{
  await using store = await SqliteStore.open(`${dataDir}/jobs.db`);
  const args = ["-c", 'echo run >>"$0"; exec sleep 1000', note];
  await store.put(job({
    jobId: QUEUED_ID,
    command: { name: "sh", args, env: {}, workingDirectory: "/" },
    execution: completeExecution({ user: ENGINE_OPTIONS.jobUser }),
    pid: 0,
    queuedAt: Date.now(),
    startedAt: null,
    liveStatus: "queued",
  }));
}

const { put } = SqliteStore.prototype;
SqliteStore.prototype.put = async function (job, processIdentity) {
  if (step === (job.pid === 0 ? "before its record" : "once it is launched")) await halt();
  await put.call(this, job, processIdentity);
  if (step === (job.pid === 0 ? "before its launch" : "once its process is recorded")) await halt();
};

await JobEngine.open({ ...ENGINE_OPTIONS, dataDir }, "/", TOOLS.setsid);
