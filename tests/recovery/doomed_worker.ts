/**
 * A worker in a process of its own, that is there to be killed. Starts jobs until then, and prints
 * the id and process id of each as soon as it knows them.
 *
 * Arguments: the data directory; whether to use cgroups; how many jobs; and shell scripts that they
 * run in turn. The request id of each is its number.
 *
 * @module
 */

import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { Worker } from "../../lib/worker/mod.ts";

const [dataDirectory = "", cgroups, count, ...scripts] = Deno.args;
const store = await SqliteStore.open(`${dataDirectory}/jobs.db`);
const worker = await Worker.open({ dataDirectory, store, cgroups: cgroups === "true" });
const encoder = new TextEncoder();
await Promise.all(Array.from({ length: Number(count) }, async (_, index) => {
  const { jobId, pid } = await worker.start({
    command: { name: "sh", args: ["-c", scripts[index % scripts.length] ?? ""] },
    owner: "alice",
    requestId: `${index}`,
  });
  Deno.stdout.writeSync(
    encoder.encode(`${JSON.stringify({ jobId, pid, requestId: `${index}` })}\n`),
  );
}));
Deno.stdout.writeSync(encoder.encode("all\n"));
// Until the signal.
await new Promise((resolve) => setTimeout(resolve, 2 ** 31 - 1));
