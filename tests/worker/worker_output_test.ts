import { JobWorkerError } from "../../lib/errors.ts";
import type { LogBatch, LogRecord } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import {
  BOTH,
  bytesOf,
  FROM_START,
  openDescriptors,
  randomBytes,
  rejection,
  sha256,
  temporaryDirectory,
  TestWorker,
  textOf,
  until,
} from "./fixture.ts";

const MIB = 1024 * 1024;
const FOLLOW = { start: FROM_START, streams: BOTH, follow: true };
const STORED = { start: FROM_START, streams: BOTH, follow: false };

/** The bytes that come out of a log. */
async function bytesFrom(test: TestWorker, jobId: string, options = FOLLOW) {
  const batches = await Array.fromAsync(test.worker.readLog(jobId, options));
  return bytesOf(batches.flatMap(({ records }) => records));
}

Deno.test("All byte values come out as they went in, live and replayed", async () => {
  await using test = await TestWorker.open();
  await using temporary = await temporaryDirectory();
  const path = `${temporary.path}/random`;
  const data = randomBytes(10 * MIB);
  await Deno.writeFile(path, data);
  const expected = await sha256(data);
  const job = await test.start({ name: "cat", args: [path] });
  assert.equal(await sha256(await bytesFrom(test, job.jobId)), expected, "live");
  assert.equal(await sha256(await bytesFrom(test, job.jobId)), expected, "replayed");
  assert.equal(await sha256(await bytesFrom(test, job.jobId, STORED)), expected, "stored");
  assert.equal((await test.worker.get(job.jobId)).stdoutBytes, data.byteLength);
});

Deno.test("A last line without a line end is kept", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("printf 'one\\ntwo'; printf three >&2");
  const { stdout, stderr } = await test.read(job.jobId);
  assert.deepEqual([stdout, stderr], ["one\ntwo", "three"]);
});

Deno.test("Bytes that are not UTF-8 stay what they are", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh(
    "printf '\\377\\376\\0\\200\\303'; sleep 0.02; printf '\\274\\r\\033[0m'",
  );
  assert.equal((await bytesFrom(test, job.jobId)).toHex(), "fffe0080c3bc0d1b5b306d");
});

Deno.test("Two streams that take turns each keep their order", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh(
    "i=0; while [ $i -lt 2000 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done",
  );
  const { stdout, stderr, batches } = await test.read(job.jobId);
  const lines = (letter: string) =>
    Array.from({ length: 2000 }, (_, i) => `${letter}${i}\n`).join("");
  assert.equal(stdout, lines("o"));
  assert.equal(stderr, lines("e"));
  let next = 0;
  for (const { offset, data } of batches.flatMap(({ records }) => records)) {
    assert.equal(offset, next);
    next += data.byteLength;
  }
  assert.equal(batches.at(-1)?.nextOffset, next);
});

Deno.test("One stream can be read without the other", async () => {
  await using test = await TestWorker.open();
  const { jobId } = await test.ran("echo out; echo err >&2");
  for (const [stream, expected] of [["stdout", "out\n"], ["stderr", "err\n"]] as const) {
    const reader = test.worker.readLog(jobId, { ...FOLLOW, streams: [stream] });
    const batches = await Array.fromAsync(reader);
    assert.equal(textOf(batches.flatMap(({ records }) => records)), expected);
    assert.equal(batches.at(-1)?.nextOffset, 8, "Behind the whole log");
  }
});

Deno.test("A hundred followers see the same bytes, whenever they come", async () => {
  await using test = await TestWorker.open();
  await using temporary = await temporaryDirectory();
  const path = `${temporary.path}/random`;
  const data = randomBytes(500_000);
  await Deno.writeFile(path, data);
  const script =
    'for i in 0 1 2 3 4 5 6 7 8 9; do tail -c +$((i*50000+1)) "$1" | head -c 50000; sleep 0.02; done';
  const { jobId } = await test.sh(script, path);
  const followers: Promise<Uint8Array<ArrayBuffer>>[] = [];
  for (let count = 0; count < 100; count++) {
    followers.push(bytesFrom(test, jobId));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const expected = await sha256(data);
  for (const follower of followers) assert.equal(await sha256(await follower), expected);
});

Deno.test("A follower that leaves costs the job nothing, and nothing of it stays", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh(
    "trap 'echo bye; exit 0' USR1; echo ready; while :; do sleep 0.01; done",
  );
  await test.printed(job.jobId, "ready");
  const before = await openDescriptors();
  const controller = new AbortController();
  const reason = new Error("The client has left");
  const options = { ...FOLLOW, signal: controller.signal };
  const leaving = Array.from(
    { length: 20 },
    () => rejection(Array.fromAsync(test.worker.readLog(job.jobId, options))),
  );
  for await (const _ of test.worker.readLog(job.jobId, FOLLOW)) break;
  controller.abort(reason);
  assert.deepEqual(await Promise.all(leaving), Array(20).fill(reason));
  assert.deepEqual(await openDescriptors(), before);
  assert.equal((await test.worker.get(job.jobId)).end, null);
  Deno.kill(job.pid, "SIGUSR1");
  assert.equal((await test.read(job.jobId)).stdout, "ready\nbye\n");
});

Deno.test("The last batch of a finished job carries it, and no other batch", async () => {
  await using test = await TestWorker.open();
  const job = await test.ran("echo out; exit 3");
  const { batches, finishedJob } = await test.read(job.jobId);
  assert.deepEqual(finishedJob, job);
  for (const batch of batches.slice(0, -1)) assert.equal(batch.finishedJob, null);
  const silent = await test.ran("exit 0");
  assert.deepEqual((await test.read(silent.jobId)).batches, [
    { records: [], nextOffset: 0, finishedJob: silent },
  ]);
});

Deno.test("Without follow, the log of a running job ends where it is", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("echo ready; sleep 1000");
  await test.printed(job.jobId, "ready\n");
  const batches = await Array.fromAsync(test.worker.readLog(job.jobId, STORED));
  assert.equal(textOf(batches.flatMap(({ records }) => records)), "ready\n");
  assert.deepEqual(batches.at(-1), {
    records: [],
    nextOffset: 6,
    endOffset: 6,
    finishedJob: null,
  });
});

Deno.test("Without follow, a reader that is given the finished job has all of its bytes", async () => {
  await using test = await TestWorker.open();
  await Promise.all(Array.from({ length: 100 }, async () => {
    const { jobId } = await test.sh("printf 1; printf 2; printf 3; printf 4; printf 5");
    let text = "";
    for (let offset = 0, finished = false; !finished;) {
      const start = { kind: "offset" as const, offset };
      for await (const batch of test.worker.readLog(jobId, { ...STORED, start })) {
        text += textOf(batch.records);
        offset = batch.nextOffset;
        finished = batch.finishedJob !== null;
      }
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    assert.equal(text, "12345");
  }));
});

Deno.test("Reading resumes at any offset of a running and of a finished job", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("printf 0123; printf 4567 >&2; printf 89; sleep 1000");
  const whole = "0123456789";
  // Two pipes: that the last of the one has come says nothing of the other.
  await Promise.all(["89", "4567"].map((text) => test.printed(job.jobId, text)));
  const check = async () => {
    const from = async (offset: number) => {
      const start = { kind: "offset" as const, offset };
      const batches = await Array.fromAsync(test.worker.readLog(job.jobId, { ...STORED, start }));
      const records: LogRecord[] = batches.flatMap((batch) => [...batch.records]);
      return records.sort((a, b) => a.offset - b.offset);
    };
    const all = textOf(await from(0));
    assert.equal([...all].sort().join(""), whole);
    for (let offset = 0; offset <= 10; offset++) {
      assert.equal(textOf(await from(offset)), all.slice(offset));
    }
    const error = await rejection(from(11));
    assert.ok(error instanceof JobWorkerError);
    assert.equal(error.code, "out_of_range");
    assert.match(error.message, /offset 11: .* 10 bytes/);
  };
  await check();
  await test.worker.stop(job.jobId);
  await check();
});

Deno.test("The tail of a log is followed to its end", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh(
    "seq 100; trap 'echo bye; exit 0' USR1; echo ready; while :; do sleep 0.01; done",
  );
  await test.printed(job.jobId, "ready");
  const start = { kind: "tail" as const, lines: 2 };
  const reader = test.worker.readLog(job.jobId, { ...FOLLOW, start });
  const first = await reader.next();
  assert.ok(!first.done);
  Deno.kill(job.pid, "SIGUSR1");
  const batches = [first.value, ...await Array.fromAsync(reader)];
  assert.equal(textOf(batches.flatMap(({ records }) => records)), "100\nready\nbye\n");
});

Deno.test("The log of an unknown job is not found, nor one that is gone", async () => {
  await using test = await TestWorker.open();
  const read = async (jobId: string) => {
    const error = await rejection(Array.fromAsync(test.worker.readLog(jobId, STORED)));
    assert.ok(error instanceof JobWorkerError);
    return [error.code, error.message];
  };
  assert.deepEqual(await read("../../etc"), ["not_found", 'No job "../../etc"']);
  const { jobId } = await test.ran("echo out");
  await Deno.remove(`${test.directory}/logs/${jobId}`, { recursive: true });
  assert.deepEqual(await read(jobId), ["not_found", `The log of job "${jobId}" is gone`]);
});

/** Starts a job that prints for ever, and waits until its log has been full once. */
async function printsForEver(test: TestWorker, bytes: number): Promise<string> {
  const logLimit = { bytes, policy: "keep_newest" as const };
  const { jobId } = await test.start({ name: "yes" }, { logLimit });
  await until(async () => (await test.worker.get(jobId)).stdoutBytes > bytes);
  return jobId;
}

Deno.test("Without follow, a log ends although its job prints faster than it is read", async () => {
  await using test = await TestWorker.open();
  const jobId = await printsForEver(test, MIB);
  for (const streams of [BOTH, ["stderr"] as const]) {
    const asked = (await test.worker.get(jobId)).stdoutBytes;
    let next = 0;
    const batches: LogBatch[] = [];
    for await (const batch of test.worker.readLog(jobId, { ...STORED, streams })) {
      batches.push(batch);
      next = batch.gap?.to ?? next;
      for (const { offset, data } of batch.records) {
        assert.equal(offset, next);
        next = offset + data.byteLength;
      }
      next = batch.nextOffset;
      // The job has printed more than the log holds before the next batch is asked for.
      const { stdoutBytes } = await test.worker.get(jobId);
      await until(async () => (await test.worker.get(jobId)).stdoutBytes > stdoutBytes + 2 * MIB);
    }
    const last = batches.at(-1);
    assert.ok(last?.endOffset !== undefined && last.endOffset >= asked);
    assert.deepEqual([last.nextOffset, last.finishedJob], [last.endOffset, null]);
    assert.ok(batches.every(({ endOffset }) => endOffset === last.endOffset));
  }
});

Deno.test("The tail of a job that prints for ever has no more lines than were asked for", async () => {
  await using test = await TestWorker.open();
  const jobId = await printsForEver(test, 16 * MIB);
  const start = { kind: "tail" as const, lines: 10 };
  const batches = await Array.fromAsync(test.worker.readLog(jobId, { ...STORED, start }));
  const text = textOf(batches.flatMap(({ records }) => records));
  // A record may end in the middle of a line.
  assert.match(text, /^(y\n){9}y\n?$/);
});

Deno.test("Without follow, a job that ends while its log is read is not reported as finished", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh(
    // This is silent, since the shell might tell of the sleep that the signal has ended.
    "exec 2>/dev/null; trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.01; done",
  );
  await test.printed(job.jobId, "ready\n");
  const reader = test.worker.readLog(job.jobId, STORED);
  const first = await reader.next();
  assert.ok(!first.done);
  assert.equal(textOf(first.value.records), "ready\n");
  await test.worker.stop(job.jobId);
  assert.deepEqual(await Array.fromAsync(reader), [
    { records: [], nextOffset: 6, endOffset: 6, finishedJob: null },
  ]);
  // A reader that goes on with it ends where the first would have, and a new one gets all of it.
  const rest = { ...STORED, start: { kind: "offset" as const, offset: 2 }, endOffset: 6 };
  const resumed = await Array.fromAsync(test.worker.readLog(job.jobId, rest));
  assert.equal(textOf(resumed.flatMap(({ records }) => records)), "ady\n");
  assert.equal(resumed.at(-1)?.finishedJob, null);
  const whole = await Array.fromAsync(test.worker.readLog(job.jobId, { ...STORED, endOffset: 10 }));
  assert.equal(textOf(whole.flatMap(({ records }) => records)), "ready\nbye\n");
  assert.deepEqual(whole.at(-1)?.finishedJob?.end?.exitStatus, { code: 4 });
});
