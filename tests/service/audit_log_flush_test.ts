import { setImmediate } from "node:timers";
import { JobWorkerError, messageOf } from "../../lib/errors.ts";
import { AuditLog } from "../../lib/service/audit_log.ts";
import { assert } from "../assert.ts";
import { watchFlushes } from "../failing_flush.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { rejection, temporaryDirectory } from "../worker/fixture.ts";
import { entryOf, largeEntry, linesOf, unexpected } from "./audit_log_fixture.ts";

Deno.test("AuditLog.commit() shares a flush with all who wait, and write() waits for none", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await using log = await AuditLog.open(path, unexpected);
  using flushes = watchFlushes();
  await log.write(entryOf("read"));
  assert.equal(flushes.count, 0);
  const ids = Array.from({ length: 100 }, (_, n) => String(n));
  await Promise.all(ids.map((jobId) => log.commit(entryOf(jobId))));
  assert.ok(flushes.count >= 1 && flushes.count <= 3, String(flushes.count));
  const lines = linesOf(await Deno.readTextFile(path));
  assert.deepEqual(lines.map(({ jobId }) => jobId), ["read", ...ids]);
});

Deno.test("AuditLog flushes what nobody waits for a moment later, every time, and then no more", async () => {
  await using directory = await temporaryDirectory();
  using flushes = watchFlushes();
  {
    await using log = await AuditLog.open(`${directory.path}/audit.log`, unexpected);
    for (const before of [0, 2]) {
      {
        using timers = new FakeTimers();
        await Promise.all(["1", "2"].map((jobId) => log.write(entryOf(jobId))));
        timers.pass(999);
        assert.deepEqual([flushes.count, timers.pending], [before, 1]);
        timers.pass(1);
        // What the timer has begun is under way in a few turns.
        for (let turn = 0; turn < 100; turn++) await null;
        assert.deepEqual([flushes.count, timers.pending], [before + 1, 0]);
      }
      // This commit comes after the flush of the timer.
      await log.commit(entryOf("3"));
    }
  }
  assert.equal(flushes.count, 4);
});

Deno.test("AuditLog.commit() fails with the flush, and takes its line back; others are written anew", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const faults: string[] = [];
  await using log = await AuditLog.open(path, (error) => faults.push(messageOf(error)));
  await log.commit(entryOf("before"));
  await log.write(entryOf("read"));
  {
    using flushes = watchFlushes(2);
    for (let failed = 0; failed < 2; failed++) {
      const error = await rejection(log.commit(entryOf("refused")));
      assert.ok(error instanceof JobWorkerError);
      assert.equal(error.code, "unavailable");
      assert.match(error.message, /^Cannot write the audit trail .*: Input\/output error/);
      // What is in the file may never reach the disk, so it is not left there as if it had.
      const kept = linesOf(await Deno.readTextFile(path));
      assert.deepEqual(kept.map(({ jobId }) => jobId), ["before"]);
    }
    flushes.failing = Infinity;
    await rejection(log.assertWritable());
  }
  assert.equal(faults.length, 2);
  await log.assertWritable();
  await log.commit(entryOf("after"));
  {
    // All is well again: nobody who starts a job has to wait for the disk twice.
    using flushes = watchFlushes();
    await log.write(entryOf("read again"));
    await log.assertWritable();
    assert.equal(flushes.count, 0);
  }
  const all = linesOf(await Deno.readTextFile(path));
  assert.deepEqual(all.map(({ jobId }) => jobId), ["before", "read", "after", "read again"]);
});

Deno.test("AuditLog takes nothing back that an earlier flush has brought to the disk", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await using log = await AuditLog.open(path, () => {});
  using flushes = watchFlushes();
  const flushing = flushes.hold();
  const first = log.commit(entryOf("1"));
  await flushing.begun;
  // This line is in the file before the flush is over, which does not bring it to the disk.
  await log.write(entryOf("2"));
  flushing.go();
  await first;
  flushes.failing = 1;
  await rejection(log.commit(entryOf("3")));
  const jobIds = async () => linesOf(await Deno.readTextFile(path)).map(({ jobId }) => jobId);
  assert.deepEqual(await jobIds(), ["1"]);
  await log.commit(entryOf("4"));
  assert.deepEqual(await jobIds(), ["1", "2", "4"]);
});

Deno.test("AuditLog tells of an entry that is lost while others are being written", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await using log = await AuditLog.open(path, () => {});
  using flushes = watchFlushes(2);
  const flushing = flushes.hold();
  const refused = rejection(log.commit(largeEntry("000")));
  await flushing.begun;
  // As many as have room, so that the next one has none until the first one is withdrawn.
  const { size } = await Deno.stat(path);
  const kept = Array.from(
    { length: Math.ceil(4 * 1024 * 1024 / size) - 1 },
    (_, n) => String(n + 1).padStart(3, "0"),
  );
  await Promise.all(kept.map((jobId) => log.write(largeEntry(jobId))));
  const lost = log.write(entryOf("lost"));
  let meanwhile: Promise<void> | null = null;
  using _truncations = watchTruncations((count) => {
    if (count === 2) meanwhile = log.write(entryOf("meanwhile"));
  });
  flushing.go();
  await refused;
  await lost;
  await (meanwhile ?? assert.fail("Nothing was taken back for a second time"));
  await log.commit(entryOf("after"));
  const lines = linesOf(await Deno.readTextFile(path));
  assert.deepEqual(
    lines.map(({ jobId, lost }) => jobId ?? `lost ${lost}`),
    [...kept, "meanwhile", "after", "lost 1"],
  );
});

/** Tells of each time that something is taken back from a file, as long as this lives. */
function watchTruncations(onTruncate: (count: number) => void): Disposable {
  const { truncate } = Deno.FsFile.prototype;
  let count = 0;
  Deno.FsFile.prototype.truncate = async function (size) {
    onTruncate(++count);
    await truncate.call(this, size);
  };
  return {
    [Symbol.dispose]: () => {
      Deno.FsFile.prototype.truncate = truncate;
    },
  };
}

Deno.test("AuditLog flushes a line in the turn in which it came, so that others can flush meanwhile", async () => {
  await using directory = await temporaryDirectory();
  await using log = await AuditLog.open(`${directory.path}/audit.log`, unexpected);
  using flushes = watchFlushes();
  const committed = log.commit(entryOf("1"));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(flushes.count, 1);
  await committed;
});
