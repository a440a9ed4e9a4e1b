import type { JobOutcome } from "../../lib/executor/executor.ts";
import type { LogState } from "../../lib/executor/mirrored_log.ts";
import type { CallExecutor, NoteName } from "../../lib/executor/protocol.ts";
import { RemoteJob } from "../../lib/executor/remote_job.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { delay } from "../../lib/async/delay.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { openLog, write } from "../log/log_fixture.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";
import { DONE } from "./job_fixture.ts";

const PROGRESS = { timeoutMs: 7, stdoutBytes: 1, stderrBytes: 2, logBytes: 3 };
const OUTCOME: JobOutcome = { ...PROGRESS, usage: null, outputTruncated: false, end: DONE };
const EMPTY: LogState = { segments: [], endOffset: 0, closed: false };

/** A job of an executor that notes what is asked of it, and answers so. */
function remote(
  answer: (name: string) => unknown = () => EMPTY,
  directory = "/nonexistent",
) {
  const asked: string[] = [];
  const call = ((name: string) => {
    asked.push(name);
    return Promise.resolve().then(() => answer(name));
  }) as unknown as CallExecutor;
  const job = new RemoteJob(
    { jobId: "job", pid: 7, processIdentity: "identity", isConfirmed: false },
    {
      directory,
      call,
      note: (name: NoteName) => void asked.push(`note ${name}`),
      progress: () => call("progress", { jobIds: ["job"] }).then((all) => all["job"]),
      onReleased: () => void asked.push("released"),
    },
  );
  return { job, asked };
}

function gone(): never {
  throw new JobWorkerError("unavailable", "Gone");
}

Deno.test("A remote job opens its log once for all its readers, and leaves it with the last", async () => {
  const { job, asked } = remote();
  const [first, second] = [await job.openLog(), await job.openLog()];
  assert.equal(first.log, second.log);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.deepEqual(asked, ["openLog", "logState"]);
  second[Symbol.dispose]();
  assert.deepEqual(asked, ["openLog", "logState", "note closeLog"]);
  const third = await job.openLog();
  assert.deepEqual(asked.slice(3), ["openLog"]);
  third[Symbol.dispose]();
});

Deno.test("A remote job whose log cannot be opened has no reader then", async () => {
  let isGone = true;
  const { job, asked } = remote(() => isGone ? gone() : EMPTY);
  await assert.rejects(job.openLog(), /Gone/);
  isGone = false;
  (await job.openLog())[Symbol.dispose]();
  assert.deepEqual(asked, ["openLog", "openLog", "note closeLog"]);
});

Deno.test("Whoever reads a remote job from where it is known to have printed does not wait for its executor", async () => {
  const answer = Promise.withResolvers<LogState>();
  const { job, asked } = remote(() => answer.promise);
  job.logChanged({ segments: [[0, 60]], endOffset: 5, closed: false });
  const known = await soon(job.openLog({ enough: 4 }), () => "what is known");
  assert.deepEqual([known.log.endOffset, asked], [5, []]);
  const changed = known.log.changed();
  await until(() => Promise.resolve(asked.length > 0));
  assert.deepEqual(asked, ["openLog"], "It is told how the log grows");
  // All others are to know what is there by now.
  const waiting = [job.openLog({ enough: 5 }), job.openLog()];
  answer.resolve({ segments: [[0, 90]], endOffset: 8, closed: false });
  await soon(changed, () => "the answer");
  for (const { log } of await Promise.all(waiting)) assert.equal(log.endOffset, 8);
  for (const open of [known, ...await Promise.all(waiting)]) open[Symbol.dispose]();
  assert.deepEqual(asked, ["openLog", "logState", "logState", "note closeLog"]);
});

Deno.test("A remote job that has printed nothing as far as is known is asked at once by others than its starter", async () => {
  const { job, asked } = remote();
  using adopted = await job.openLog({ enough: 0 });
  assert.deepEqual(asked, ["openLog"]);
  adopted[Symbol.dispose]();
  job.launched({ pid: 7, processIdentity: "identity" });
  using started = await job.openLog({ enough: 0 });
  assert.equal(started.log.endOffset, 0);
  assert.deepEqual(asked, ["openLog", "note closeLog"]);
  using whole = await job.openLog();
  assert.equal(whole.log.endOffset, 0);
  assert.deepEqual(asked.slice(2), ["openLog"]);
});

Deno.test("A remote job is asked how its log grows although others come to it and leave", async () => {
  const { job, asked } = remote(() => ({ segments: [[0, 90]], endOffset: 8, closed: false }));
  job.logChanged({ segments: [[0, 60]], endOffset: 5, closed: false });
  using follower = await job.openLog({ enough: 0 });
  const changed = follower.log.changed();
  await until(async () => {
    (await job.openLog({ enough: 0 }))[Symbol.dispose]();
    return asked.length > 0;
  });
  await soon(changed, () => "what it has printed since");
  assert.deepEqual([follower.log.endOffset, asked], [8, ["openLog"]]);
});

Deno.test("A remote job that could not be asked how its log grows is asked again", async () => {
  let isGone = true;
  const { job, asked } = remote(() => isGone ? gone() : EMPTY);
  job.launched({ pid: 7, processIdentity: "identity" });
  using first = await job.openLog({ enough: 0 });
  await assert.rejects(job.openLog(), /Gone/);
  isGone = false;
  using second = await job.openLog();
  assert.equal(first.log, second.log);
  assert.deepEqual(asked, ["openLog", "openLog"]);
});

Deno.test("A remote job that ends soon, or is left, is not asked how its log grows", async () => {
  const { job, asked } = remote(gone);
  job.launched({ pid: 7, processIdentity: "identity" });
  (await job.openLog({ enough: 0 }))[Symbol.dispose]();
  using silent = await job.openLog({ enough: 0 });
  const changed = silent.log.changed();
  job.end({ ...OUTCOME, stdoutBytes: 0, stderrBytes: 0 });
  await soon(changed, () => "the end");
  assert.equal(silent.log.closed, true);
  // As long as it would have taken to ask.
  await delay(20);
  assert.deepEqual(asked, []);
});

Deno.test("Whoever reads a remote job while its executor dies has what it printed once that is so", async () => {
  await using test = await openLog();
  await write(test.writer, "all of it");
  await test.writer[Symbol.asyncDispose]();
  const { job } = remote(gone, test.directory);
  job.logChanged({ segments: [[0, 60]], endOffset: 3, closed: false });
  using opened = await job.openLog({ enough: 0 });
  const changed = opened.log.changed();
  job.end(OUTCOME);
  await soon(changed, () => "the rest");
  assert.deepEqual([opened.log.endOffset, opened.log.closed], [9, true]);
});

Deno.test("A remote job that has ended asks nobody: its log is on the disk, and what it came to is known", async () => {
  await using test = await openLog();
  await write(test.writer, "all of it");
  await test.writer[Symbol.asyncDispose]();
  const { job, asked } = remote(gone, test.directory);
  job.end(OUTCOME);
  assert.deepEqual([job.hasEnded, await job.ended], [true, OUTCOME]);
  using opened = await job.openLog();
  assert.deepEqual([opened.log.endOffset, opened.log.closed], [9, true]);
  assert.deepEqual(await job.progress(), OUTCOME);
  await job.stop({ stopSignal: "KILL", gracePeriodMs: 0, reason: "stopped" });
  await job.signal("TERM");
  await job.setTimeLimit(1);
  assert.deepEqual(asked, []);
  job.release();
  assert.deepEqual(asked, ["released", "note release"]);
});

Deno.test("The log of a remote job that has ended is not looked for on the disk if its end was told", async () => {
  const { job, asked } = remote(gone);
  const closed = { segments: [[0, 90]], endOffset: 8, closed: true } as const;
  job.logChanged(closed);
  job.end(OUTCOME);
  using opened = await job.openLog();
  assert.deepEqual([opened.log.endOffset, opened.log.closed], [8, true]);
  assert.deepEqual(asked, []);
});

Deno.test("A remote job says how far it was when its executor died", async () => {
  let answer: () => unknown = () => ({ job: PROGRESS });
  const { job } = remote(() => answer());
  assert.deepEqual(await job.progress(), PROGRESS);
  answer = gone;
  assert.deepEqual(await job.progress(), PROGRESS);
  await assert.rejects(
    job.stop({ stopSignal: "TERM", gracePeriodMs: 0, reason: "stopped" }),
    /Gone/,
  );
  await assert.rejects(job.closeInput(), /Gone/);
  await job.orphaned(null);
  assert.deepEqual([job.hasEnded, await job.ended], [true, null]);
  assert.deepEqual(await job.progress(), PROGRESS);
});

Deno.test("A remote job whose log cannot be read has ended nevertheless", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  await Deno.writeTextFile(path, "");
  const { job } = remote(gone, path);
  await assert.rejects(job.orphaned(OUTCOME), /Not a directory/);
  assert.deepEqual(await job.ended, OUTCOME);
});

Deno.test("The log of a remote job that has printed nothing is not looked for on the disk", async () => {
  await using test = await openLog();
  await write(test.writer, "not its own");
  await test.writer.flush();
  const { job, asked } = remote(gone, test.directory);
  job.end({ ...OUTCOME, stdoutBytes: 0, stderrBytes: 0 });
  using opened = await job.openLog();
  assert.deepEqual([opened.log.closed, opened.log.endOffset, opened.log.segments], [true, 0, []]);
  assert.deepEqual(asked, []);
});
