/**
 * `deno task bench`: what the parts cost, each as a ratio to a limit that is measured in the same run,
 * so that the figures of different machines can be compared. Not a test: nothing fails here.
 *
 * @module
 */

import { SqliteStore } from "../lib/store/sqlite_store.ts";
import { Worker } from "../lib/worker/mod.ts";
import { TestCertificates } from "../tests/certificates.ts";
import { openKeeper } from "../tests/daemon/executor_fixture.ts";
import { benchFlushes } from "./flush_rows.ts";
import { benchHop } from "./hop_rows.ts";
import { print } from "./report.ts";
import { benchLogs, benchMemory, benchStarts } from "./worker_rows.ts";

const directory = await Deno.makeTempDir({ prefix: "job-worker-bench-" });
try {
  print(`Each figure with its ratio to what it is measured against, on ${cores()}.`);
  print("\nThe worker in this process, to what Deno does without it:");
  {
    await using store = await SqliteStore.open(`${directory}/jobs.db`);
    await using worker = await Worker.open({ dataDirectory: directory, store });
    await benchStarts(worker);
    await benchLogs(worker, directory);
  }
  print("\nThe same with the jobs in an executor, a process of its own, as the daemon has them:");
  {
    const apart = `${directory}/apart`;
    await Deno.mkdir(apart);
    await using store = await SqliteStore.open(`${apart}/jobs.db`);
    const executor = await openKeeper(apart);
    await using worker = await Worker.open({ dataDirectory: apart, store, executor });
    await benchMemory(apart);
    await benchStarts(worker);
    await benchLogs(worker, apart);
  }
  print("\nWhat it costs that nobody is told anything that a power cut could take:");
  await benchFlushes(directory);
  print(
    "\ngRPC over mutual TLS from this process to others. One process: the daemon without a second",
  );
  print(
    "one for the network. The ratio of a time is better the smaller it is, that of a rate the larger:",
  );
  await using certificates = await TestCertificates.create();
  await benchHop(certificates, directory);
} finally {
  await Deno.remove(directory, { recursive: true });
}

function cores(): string {
  const count = navigator.hardwareConcurrency;
  return count === 1 ? "one processor" : `${count} processors that client and daemon share`;
}
