import { assert } from "../assert.ts";
import { descriptorLimits } from "../process/descriptor_limits.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { executorsIn } from "./executor_fixture.ts";
import { openWorker, outputOf, start } from "./worker_fixture.ts";

/** More than an executor has room for under the limit that jobs have. */
const JOBS = 120;

Deno.test("Jobs get the usual limit of open files, however many an executor runs, and that has room for all", async () => {
  await using directory = await temporaryDirectory();
  await using apart = await openWorker(directory.path, { cgroups: false });
  const { worker } = apart;
  const [executor = 0] = await executorsIn(directory.path);
  const limit = async () => (await descriptorLimits(executor)).soft;
  const { hard } = await descriptorLimits("self");
  // A job is not to have what else it might inherit.
  const isPlain = Number(await Deno.readTextFile("/proc/self/oom_score_adj")) === 0;
  assert.equal(await limit(), isPlain ? Math.min(1024, hard) : hard);
  const script =
    "echo $(ulimit -Sn) $(ulimit -Hn) $(cat /proc/self/oom_score_adj); exec sleep 1000";
  const jobs = await Promise.all(Array.from({ length: JOBS }, () => start(worker, script)));
  assert.equal(await limit(), hard);
  await Promise.all(jobs.map((jobId) => worker.stop(jobId, { stopSignal: "KILL" })));
  const printed = new Set(await Promise.all(jobs.map((jobId) => outputOf(worker, jobId))));
  assert.deepEqual([...printed], [`${Math.min(1024, hard)} ${hard} 0\n`]);
});

Deno.test("A job has variables that Deno hands to no program without the right to run all of them", async () => {
  await using directory = await temporaryDirectory();
  await using apart = await openWorker(directory.path, { cgroups: false });
  const { worker } = apart;
  const command = { name: "sh", args: ["-c", "echo $LD_BIND_NOW"], env: { LD_BIND_NOW: "here" } };
  const { jobId } = await worker.start({ command, owner: "alice" });
  assert.equal(await outputOf(worker, jobId), "here\n");
});
