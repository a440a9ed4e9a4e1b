/**
 * One server, and short connections to it one after the other: run by `short_connections.ts` in a
 * process of its own, because without the guard it does not live to the end.
 *
 * @module
 */

import { JOB, TestServer } from "./fixture.ts";

const CONNECTIONS = Number(Deno.args[0]);
const AT_ONCE = 8;

await using server = await TestServer.start({
  getJob: () => Promise.resolve(JOB),
  async *watchJobs(_request, { signal }) {
    yield JOB;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  },
});

async function connectAndLeave(index: number): Promise<void> {
  await using client = await server.connect();
  if (index % 2 === 0) await client.getJob({ jobId: JOB.jobId });
  else for await (const _job of client.watchJobs({ filter: {} })) break;
}

let next = 0;
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  while (next < CONNECTIONS) await connectAndLeave(next++);
}));
if (server.faults.length > 0) throw new Error("Faults", { cause: server.faults });
