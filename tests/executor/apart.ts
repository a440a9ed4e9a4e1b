/**
 * A program that runs a job in a data directory, and prints where it is itself, where the job is, and whether
 * that is apart from the service of the daemon.
 *
 * @module
 */

import { delay } from "../../lib/async/delay.ts";
import { LocalExecutor } from "../../lib/executor/local_executor.ts";
import { completeExecution } from "../../lib/job/execution.ts";
import { DEFAULT_LOG_LIMIT } from "../../lib/job/log_limit.ts";
import { LogLibrary } from "../../lib/log/log_library.ts";

const cgroupOf = async (pid: number | "self") =>
  /^0::(.*)$/m.exec(await Deno.readTextFile(`/proc/${pid}/cgroup`))?.[1];

const [directory = ""] = Deno.args;
await using logs = await LogLibrary.open(`${directory}/logs`);
await using executor = await LocalExecutor.open({
  logs,
  onFault: (error) => void Promise.reject(error),
});
const jobId = "01890a5d-ac96-774b-bcce-b302099a8057";
await executor.prepare({
  jobId,
  command: { name: "sleep", args: ["1000"], env: {}, workingDirectory: "/" },
  execution: completeExecution({}),
  logLimit: DEFAULT_LOG_LIMIT,
});
const job = await executor.launch(jobId);
// Until its program has its process, that is on its way to the job's cgroup.
while (await Deno.readTextFile(`/proc/${job.pid}/comm`) !== "sleep\n") await delay(10);
const { isApart } = executor;
const seen = { isApart, own: await cgroupOf("self"), job: await cgroupOf(job.pid) };
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(seen)));
await job.stop({ stopSignal: "KILL", gracePeriodMs: 0, reason: "stopped" });
await job.ended;
