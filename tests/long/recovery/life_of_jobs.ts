/**
 * An engine and the life of some jobs in it, to be watched by strace(1). What callers are told is
 * written to a file, a line each, once they are told it.
 *
 * @module
 */

import { JobEngine } from "../../../lib/daemon/job_engine.ts";
import type { Job } from "../../../lib/worker/mod.ts";
import { ADMIN, TRUE } from "../../service/fixture.ts";
import { TOOLS } from "../../process/tools.ts";
import { ENGINE_OPTIONS } from "./engine_options.ts";
import type { Told } from "./told.ts";

const [dataDir = "", toldPath = ""] = Deno.args;

const file = await Deno.open(toldPath, { append: true, create: true });

async function tell(told: Told): Promise<void> {
  await file.write(new TextEncoder().encode(`${JSON.stringify(told)}\n`));
}

{
  // The trail begins another file after every few changes.
  const options = { ...ENGINE_OPTIONS, dataDir, auditLimit: 1_000 };
  await using engine = await JobEngine.open(options, "/", TOOLS.setsid);
  const { service } = engine;

  const start = async (script: string, hasInput = false): Promise<string> => {
    const command = script === ":" ? TRUE : { ...TRUE, name: "sh", args: ["-c", script] };
    const request = { command, labels: {}, requestId: "", execution: { hasInput } };
    const { jobId } = await service.startJob(request, ADMIN);
    await tell({ kind: "changed", method: "startJob", jobId });
    return jobId;
  };
  const ended = async (jobId: string): Promise<Job> => {
    const job = await service.waitJob({ jobId }, ADMIN);
    await tell({ kind: "ended", jobId });
    return job;
  };
  const change = async (
    method: "stopJob" | "signalJob" | "updateJob" | "writeInput",
    jobId: string,
    done: Promise<unknown>,
  ): Promise<void> => {
    await done;
    await tell({ kind: "changed", method, jobId });
  };

  // One that prints for longer than it takes until that is flushed.
  const printer = await start("while :; do echo again; sleep 0.2; done");
  // One after the other, then many at once; one prints more than a segment of its log, one nothing.
  const big = "head -c 200000 /dev/zero | tr '\\0' 'x'";
  for (const script of ["echo one; echo two >&2", ":", big]) await ended(await start(script));
  await Promise.all(["echo a", ":", "echo b; exit 3", big, "echo c", "echo d; kill -9 $$"].map(
    async (script) => await ended(await start(script)),
  ));
  const missing = { command: { ...TRUE, name: "no-such-program" }, labels: {}, requestId: "" };
  await service.startJob(missing, ADMIN).catch(() => {});

  const reader = await start("cat; sleep 100", true);
  const data = new TextEncoder().encode("some input\n");
  const piece = { jobId: reader, offset: 0, data, end: false };
  await change("writeInput", reader, service.writeInput(piece, ADMIN));
  const timeoutMs = 3_600_000;
  await change("updateJob", reader, service.updateJob({ jobId: reader, timeoutMs }, ADMIN));
  await change("signalJob", reader, service.signalJob({ jobId: reader, signal: "CONT" }, ADMIN));
  const stop = { stopSignal: "KILL", gracePeriodMs: null };
  await change("stopJob", reader, service.stopJob({ ...stop, jobId: reader }, ADMIN));
  await ended(reader);

  // The newest four stay.
  await tell({ kind: "pruning" });
  const prune = { maxCount: 4, dryRun: false, owner: "" };
  const { jobs } = await service.pruneJobs(prune, ADMIN);
  await tell({ kind: "pruned", jobIds: jobs.map(({ jobId }) => jobId) });

  await Deno.rename(`${dataDir}/audit.log`, `${dataDir}/audit.log.1`);
  await engine.audit.reopen();
  await ended(await start("echo in the new file"));

  await new Promise((resolve) => setTimeout(resolve, 5_000));
  await change("stopJob", printer, service.stopJob({ ...stop, jobId: printer }, ADMIN));
  await ended(printer);
  // One that the end of the engine ends.
  await start("echo to the end; sleep 100");
}
file.close();
