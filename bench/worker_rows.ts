import type { LogBatch, Worker } from "../lib/worker/mod.ts";
import { bareHere, runBare } from "./bare_here.ts";
import { BareQuestions } from "./bare_questions.ts";
import { bareStart, drained } from "./bare_starts.ts";
import { mediansInTurn, rate, throughput } from "./measure.ts";
import { report } from "./report.ts";
import { pssMiB } from "./role_processes.ts";

/** What a job prints, to be read from its log. */
export const LOG_BYTES = 300_000_000;
/** Room for all of it. */
export const LOG_LIMIT = { bytes: 2 * LOG_BYTES, policy: "keep_newest" } as const;

/** A command that prints so much. */
export const PRINTING = {
  name: "head",
  args: ["-c", String(LOG_BYTES), "/dev/zero"],
  env: {},
  workingDirectory: "",
};

/** How often starts are measured, in turn with what they are compared with. */
const ROUNDS = 5;

/**
 * Starts, to what Deno can start and drain without a worker; and those of a bare program that knows of each job, and
 * records in time, what must be known.
 *
 * @param directory where that program records them; is made
 */
export async function benchStarts(worker: Worker, directory: string): Promise<void> {
  await Deno.mkdir(directory);
  await using questions = await BareQuestions.open();
  const bare = bareHere(directory, questions);
  const starts = await mediansInTurn(ROUNDS, {
    setsid: () => rate(300, 16, bareStart),
    bare: () => rate(300, 16, () => runBare(bare)),
    worker: () =>
      rate(300, 16, async () => {
        const { jobId } = await worker.start({ command: { name: "true" }, owner: "bench" });
        await worker.wait(jobId);
      }),
  });
  const setsid = { value: starts.setsid, name: "setsid true, drained" };
  report("jobs started, run and recorded, bare", starts.bare, "/s", setsid);
  report("jobs started, run and recorded", starts.worker, "/s", setsid);
}

/** The log of a job, to a pipe and to a file of as many bytes. */
export async function benchLogs(worker: Worker, directory: string): Promise<void> {
  const pipe = await throughput(LOG_BYTES, () => drained(setsid("head", ...PRINTING.args)));
  let jobId = "";
  const written = await throughput(LOG_BYTES, async () => {
    ({ jobId } = await worker.start({ command: PRINTING, owner: "bench", logLimit: LOG_LIMIT }));
    await worker.wait(jobId);
  });
  report("log written", written, "MB/s", { value: pipe, name: "read from a pipe" });

  const path = `${directory}/plain`;
  await Deno.writeFile(path, new Uint8Array(LOG_BYTES));
  const file = await Deno.open(path);
  const plain = await throughput(LOG_BYTES, () => bytesOf(file.readable, (piece) => piece.length));
  const log = worker.readLog(jobId, {
    start: { kind: "offset", offset: 0 },
    streams: ["stdout", "stderr"],
    follow: false,
  });
  const read = await throughput(LOG_BYTES, () => bytesOf(log, batchBytes));
  report("log read", read, "MB/s", { value: plain, name: "read from a file" });
}

/** Starts beside a heap of 300 MB, to those without. */
export async function benchLargeHeap(worker: Worker): Promise<void> {
  const start = async () => {
    const { jobId } = await worker.start({ command: { name: "true" }, owner: "bench" });
    await worker.wait(jobId);
  };
  const value = await rate(400, 16, start);
  const heap = Array.from({ length: 3_000_000 }, (_, index) => ({ index, text: `${index}` }));
  const beside = await rate(400, 16, start);
  const megabytes = Deno.memoryUsage().heapUsed / 1e6;
  if (heap.length > 0) {
    const name = "without that heap";
    report(`the same beside a heap of ${megabytes.toFixed(0)} MB`, beside, "/s", { value, name });
  }
}

/** What an executor takes that nothing else has, to what this process takes. */
export async function benchMemory(dataDirectory: string): Promise<void> {
  const own = await pssMiB("self");
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (!line.includes(`${dataDirectory}/executor.`) || !line.endsWith("/executor_main.ts\0")) {
      continue;
    }
    report("memory of an executor at rest", await pssMiB(Number(name)), "MiB", {
      value: own,
      name: "this process",
    });
  }
}

/** How much output there is in a batch. */
export function batchBytes({ records }: LogBatch): number {
  return records.reduce((sum, { data }) => sum + data.byteLength, 0);
}

/** Reads all of something, and says how much it was. */
export async function bytesOf<T>(
  source: AsyncIterable<T>,
  size: (item: T) => number,
): Promise<number> {
  let bytes = 0;
  for await (const item of source) bytes += size(item);
  return bytes;
}

function setsid(...args: string[]): Deno.ChildProcess {
  return new Deno.Command("setsid", { args, stdin: "null", stdout: "piped", stderr: "piped" })
    .spawn();
}
