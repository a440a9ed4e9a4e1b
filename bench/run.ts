/**
 * `deno task bench [PART...]`: what the parts cost, each as a ratio to a limit that is measured in the same run,
 * so that the figures of different machines can be compared. Not a test: nothing fails here.
 *
 * The parts, by default all of them: `library`, `flushes`, `hop`, and of the executables, which are made for it,
 * `jobs`, `streams`, `rest`, `crowd`, `cli`; and `peers`, as far as ssh and tsp are installed.
 *
 * @module
 */

import { benchApart } from "./apart_rows.ts";
import { benchApartRates } from "./apart_rates.ts";
import { SqliteStore } from "../lib/store/sqlite_store.ts";
import { Worker } from "../lib/worker/mod.ts";
import { TestCertificates } from "../tests/certificates.ts";
import { openKeeper } from "../tests/daemon/executor_fixture.ts";
import { benchCli } from "./cli_rows.ts";
import { benchCrowd } from "./crowd_rows.ts";
import { Executables } from "./executables.ts";
import { benchFlushes } from "./flush_rows.ts";
import { benchHop } from "./hop_rows.ts";
import { benchJobs } from "./job_rows.ts";
import { benchPeers } from "./peer_rows.ts";
import { print } from "./report.ts";
import { benchRest } from "./rest_rows.ts";
import { benchStreams } from "./stream_rows.ts";
import { benchLargeHeap, benchLogs, benchMemory, benchStarts } from "./worker_rows.ts";

/** What can be measured, in this order, and what is said about it. */
const PARTS = {
  library: [
    "The worker in this process, and then with its jobs in an executor, to what Deno does without it:",
    benchLibrary,
  ],
  flushes: [
    "What it costs that nobody is told anything that a power cut could take:",
    ({ directory }) => benchFlushes(directory),
  ],
  hop: [
    "gRPC over mutual TLS, to the daemon in one process, and that to TLS. Smaller times are better, larger rates:",
    ({ certificates, directory }) => benchHop(certificates, directory),
  ],
  jobs: ["Jobs of the executables, started over gRPC:", ({ made }) => benchJobs(made)],
  streams: [
    "Logs of the executables:",
    ({ made, certificates, directory }) => benchStreams(made, certificates, directory),
  ],
  rest: ["What the executables take that have nothing to do:", ({ made }) => benchRest(made)],
  crowd: ["Jobs beside many others:", ({ made }) => benchCrowd(made)],
  cli: ["What users wait for:", ({ made, directory }) => benchCli(made, directory)],
  peers: ["What they could take instead:", ({ directory }) => benchPeers(directory)],
} as const satisfies Record<string, readonly [string, (place: Place) => Promise<void>]>;

/** Where things are measured. */
interface Place {
  readonly directory: string;
  readonly certificates: TestCertificates;
  /** The executables. */
  readonly made: Executables;
}

async function benchLibrary({ directory }: Pick<Place, "directory">): Promise<void> {
  await using store = await SqliteStore.open(`${directory}/jobs.db`);
  await using worker = await Worker.open({ dataDirectory: directory, store });
  await benchStarts(worker, `${directory}/bare-here`);
  await benchLogs(worker, directory);
  await benchLargeHeap(worker);
  print("  with an executor:");
  const apart = `${directory}/apart`;
  await Deno.mkdir(apart);
  await using storeApart = await SqliteStore.open(`${apart}/jobs.db`);
  const executor = await openKeeper(apart);
  await using workerApart = await Worker.open({
    dataDirectory: apart,
    store: storeApart,
    executor,
  });
  await benchMemory(apart);
  await benchStarts(workerApart, `${directory}/bare-apart`);
  await benchLogs(workerApart, apart);
  await benchApartRates(worker, workerApart);
  await benchApart(worker, workerApart, apart);
}

function cores(): string {
  const count = navigator.hardwareConcurrency;
  return count === 1 ? "one processor" : `${count} processors that client and daemon share`;
}

const wanted = Deno.args.length === 0 ? Object.keys(PARTS) : Deno.args;
const unknown = wanted.find((name) => !Object.hasOwn(PARTS, name));
if (unknown !== undefined) {
  print(`Cannot measure "${unknown}": the parts are ${Object.keys(PARTS).join(", ")}`);
  Deno.exit(2);
}
const directory = await Deno.makeTempDir({ prefix: "job-worker-bench-" });
try {
  print(`Each figure with its ratio to what it is measured against, on ${cores()}.`);
  await using certificates = await TestCertificates.create();
  const made = await Executables.make(directory, certificates);
  for (const [name, [title, bench]] of Object.entries(PARTS)) {
    if (!wanted.includes(name)) continue;
    print(`\n${title}`);
    await bench({ directory, certificates, made });
  }
} finally {
  await Deno.remove(directory, { recursive: true });
}
