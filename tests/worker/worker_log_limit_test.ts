import { JobWorkerError } from "../../lib/errors.ts";
import type { LogLimit } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { bytesOnDisk } from "../log/log_fixture.ts";
import { BOTH, bytesOf, FROM_START, rejection, sha256, TestWorker } from "./fixture.ts";

const MIB = 1024 * 1024;
const KEEP_NEWEST: LogLimit = { bytes: MIB, policy: "keep_newest" };

Deno.test("Worker keeps the log of a job that prints without end within its limit", async () => {
  await using test = await TestWorker.open();
  const logLimit: LogLimit = { bytes: 2 * MIB, policy: "keep_newest" };
  const script = "yes 0123456789abcdef | head -c 100000000";
  const { jobId } = await test.start({ name: "sh", args: ["-c", script] }, { logLimit });
  const directory = `${test.directory}/logs/${jobId}`;
  let largest = 0;
  let offset = 0;
  let early = 0;
  let late = 0;
  const options = { start: FROM_START, streams: BOTH, follow: true };
  for await (const { nextOffset, gap, records } of test.worker.readLog(jobId, options)) {
    assert.equal((gap?.to ?? offset) + bytesOf(records).byteLength, nextOffset);
    offset = nextOffset;
    largest = Math.max(largest, await bytesOnDisk(directory).catch(() => 0));
    const { rss } = Deno.memoryUsage();
    if (offset < 20_000_000) early = Math.max(early, rss);
    late = Math.max(late, rss);
  }
  const job = await test.worker.wait(jobId);
  assert.equal(offset, 100_000_000);
  assert.deepEqual([job.stdoutBytes, job.end?.status, job.outputTruncated], [
    100_000_000,
    "done",
    false,
  ]);
  assert.ok(largest <= 1.1 * logLimit.bytes, `${largest} bytes on disk`);
  assert.ok(late - early < 64 * MIB, `${late - early} bytes of memory more`);
  assert.equal(job.logBytes, await bytesOnDisk(directory));
  assert.ok(job.logBytes > 1.5 * MIB);

  const { stdout, batches } = await test.read(jobId);
  const whole = "0123456789abcdef\n".repeat(6_000_000).slice(0, 100_000_000);
  const { gap } = batches[0] ?? {};
  assert.ok(gap);
  const encoder = new TextEncoder();
  assert.equal(
    await sha256(encoder.encode(stdout)),
    await sha256(encoder.encode(whole.slice(gap.to))),
  );
});

Deno.test("Worker ends a job at the limit of its log if it is told to", async () => {
  await using test = await TestWorker.open();
  const logLimit: LogLimit = { bytes: MIB, policy: "end_job" };
  const { jobId } = await test.start({ name: "sh", args: ["-c", "yes & yes"] }, { logLimit });
  const { stdout, finishedJob } = await test.read(jobId);
  assert.deepEqual(finishedJob.end, {
    status: "failed",
    reason: "log_limit",
    exitStatus: { signal: "SIGTERM" },
    finishedAt: finishedJob.end?.finishedAt,
    detail: "The log has reached its limit of 1048576 bytes",
  });
  assert.ok(finishedJob.outputTruncated);
  assert.equal(stdout, "y\n".repeat(stdout.length / 2));
  assert.equal(stdout.length, finishedJob.stdoutBytes);
  assert.ok(finishedJob.logBytes <= MIB && finishedJob.logBytes > MIB - 70_000);
});

Deno.test("Worker refuses a log limit that is too small or no number", async () => {
  await using test = await TestWorker.open();
  for (const bytes of [0, 1, MIB - 1, -MIB, MIB + 0.5, NaN, Infinity]) {
    const logLimit: LogLimit = { bytes, policy: "keep_newest" };
    const error = await rejection(test.start({ name: "true" }, { logLimit }));
    assert.ok(error instanceof JobWorkerError);
    assert.equal(error.code, "invalid_argument");
    assert.match(error.message, new RegExp(`log limit ${bytes}: .* bytes, 1048576 or more`));
  }
  assert.deepEqual(await test.worker.list({}, { limit: 9 }), []);
  assert.equal((await Array.fromAsync(Deno.readDir(`${test.directory}/logs`))).length, 0);
  const job = await test.start({ name: "true" }, { logLimit: KEEP_NEWEST });
  assert.deepEqual(job.logLimit, KEEP_NEWEST);
});

Deno.test("Worker refuses a log limit beyond what it lets any job have", async () => {
  await using test = await TestWorker.open({ maxLogLimit: 2 * MIB });
  const start = (bytes: number) =>
    test.start({ name: "true" }, { logLimit: { bytes, policy: "end_job" } });
  for (const bytes of [2 * MIB + 1, 9e15]) {
    const error = await rejection(start(bytes));
    assert.ok(error instanceof JobWorkerError);
    assert.deepEqual([error.code, error.message], [
      "invalid_argument",
      `Invalid log limit ${bytes}: must be a whole number of bytes, 1048576 to 2097152, the most ` +
      "that this daemon allows",
    ]);
  }
  assert.equal((await start(2 * MIB)).logLimit.bytes, 2 * MIB);
});
