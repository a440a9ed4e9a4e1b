/**
 * A worker that may open few files: starts jobs as another user, as many at once as may run, over and over. Prints
 * how many ran, and why others did not, as JSON.
 *
 * @module
 */

import { runningLimits } from "../../../lib/daemon/running_limits.ts";
import { JobWorkerError } from "../../../lib/errors.ts";
import { Worker } from "../../../lib/worker/mod.ts";

const [dataDirectory = "", descriptors = ""] = Deno.args;
const limits = {
  maxRunning: Infinity,
  maxRunningPerUser: Infinity,
  maxQueued: 0,
  maxQueuedPerUser: 0,
  jobUids: null,
};
const { maxRunning } = runningLimits(limits, Number(descriptors));
await using worker = await Worker.open({ dataDirectory, jobUser: "nobody", maxRunning });
let ran = 0;
const refusals = new Set<string>();
const deadline = performance.now() + 3_000;

async function startOver(): Promise<void> {
  while (performance.now() < deadline) {
    try {
      const command = { name: "sh", args: ["-c", "echo; exec cat"] };
      const { jobId } = await worker.start({
        command,
        owner: "alice",
        execution: { hasInput: true },
      });
      await worker.closeInput(jobId);
      await worker.wait(jobId);
      ran++;
    } catch (error) {
      if (!(error instanceof JobWorkerError)) throw error;
      refusals.add(error.message);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

await Promise.all(Array.from({ length: 2 * maxRunning }, startOver));
Deno.stdout.writeSync(
  new TextEncoder().encode(JSON.stringify({ maxRunning, ran, refusals: [...refusals] })),
);
