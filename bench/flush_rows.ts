import { AuditLog } from "../lib/service/audit_log.ts";
import { WorkerService } from "../lib/service/worker_service.ts";
import { SqliteStore } from "../lib/store/sqlite_store.ts";
import { Worker } from "../lib/worker/mod.ts";
import { ADMIN, TRUE } from "../tests/service/fixture.ts";
import { quantile, rate, times } from "./measure.ts";
import { report } from "./report.ts";

/** A file system in memory, where a flush is nothing. */
const MEMORY = "/dev/shm";

/** What it costs that nobody is told anything that a power cut could take. */
export async function benchFlushes(directory: string): Promise<void> {
  const memory = await Deno.makeTempDir({ dir: MEMORY, prefix: "job-worker-bench-" });
  try {
    const flush = await flushTime(directory);
    const without = await measure(memory);
    const flushed = await measure(directory);
    const start = (yardstick: { value: number; name: string }) =>
      report("start, median", flushed.start, "us", yardstick);
    start({ value: without.start, name: `in ${MEMORY}, where there is nothing to flush` });
    start({ value: flush, name: "one write with fdatasync(2)" });
    const jobs = { value: without.jobs, name: `in ${MEMORY}` };
    report("jobs that print, 16 at a time", flushed.jobs, "/s", jobs);
    const flushes = { value: 1_000_000 / flush, name: "writes with fdatasync(2), one by one" };
    report("jobs that print, 16 at a time", flushed.jobs, "/s", flushes);
  } finally {
    await Deno.remove(memory, { recursive: true });
  }
}

/** How long a small write takes until it is on the disk, in microseconds. */
async function flushTime(directory: string): Promise<number> {
  using file = await Deno.open(`${directory}/flushed`, { append: true, create: true });
  const line = new Uint8Array(200);
  const found = await times(300, async () => {
    await file.write(line);
    await file.syncData();
  });
  return quantile(found, 0.5);
}

async function measure(directory: string): Promise<{ start: number; jobs: number }> {
  const dataDirectory = await Deno.makeTempDir({ dir: directory });
  await using store = await SqliteStore.open(`${dataDirectory}/jobs.db`);
  await using audit = await AuditLog.open(`${dataDirectory}/audit.log`, (error) => {
    throw error;
  });
  await using worker = await Worker.open({ dataDirectory, store });
  const service = new WorkerService(worker, audit);
  const start = (command: typeof TRUE | { name: string; args: string[] }) =>
    service.startJob({ command: { ...TRUE, ...command }, labels: {}, requestId: "" }, ADMIN);
  const jobs = await rate(400, 16, async () => {
    const { jobId } = await start({ name: "echo", args: ["hello"] });
    await service.waitJob({ jobId }, ADMIN);
  });
  const starts = await times(200, () => start(TRUE));
  return { start: quantile(starts, 0.5), jobs };
}
