/**
 * A worker that may open few files: starts more jobs than there are descriptors for, ends them, and
 * starts one more. Prints what came of them as JSON.
 *
 * @module
 */

import { JobWorkerError } from "../../lib/errors.ts";
import { Worker } from "../../lib/worker/mod.ts";

const [dataDirectory = ""] = Deno.args;
await using worker = await Worker.open({ dataDirectory });
const started: string[] = [];
const refused = new Set<string>();

async function start(name: string, ...args: readonly string[]): Promise<string> {
  const { jobId } = await worker.start({ command: { name, args }, owner: "alice" });
  return jobId;
}

await Promise.all(Array.from({ length: 60 }, async () => {
  try {
    started.push(await start("sleep", "1000"));
  } catch (error) {
    if (!(error instanceof JobWorkerError)) throw error;
    refused.add(`${error.code} ${error.reason}`);
  }
}));
const listed = (await worker.list({}, { limit: 1000 })).length;
await Promise.all(started.map((jobId) => worker.stop(jobId)));
const last = (await worker.wait(await start("true"))).end?.exitStatus;
Deno.stdout.writeSync(
  new TextEncoder().encode(JSON.stringify({ started, refused: [...refused], listed, last })),
);
