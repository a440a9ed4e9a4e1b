import { JobWorkerError, messageOf } from "../../lib/errors.ts";
import type { AuditEntry } from "../../lib/service/audit.ts";
import { AuditLog } from "../../lib/service/audit_log.ts";
import { assert } from "../assert.ts";
import { rejection, temporaryDirectory } from "../worker/fixture.ts";
import { contextOf } from "./fixture.ts";
import { ENTRY, entryOf, largeEntry, linesOf, unexpected } from "./audit_log_fixture.ts";

Deno.test("AuditLog writes one line of JSON an entry, for its owner's eyes only", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const from = Date.now();
  {
    await using log = await AuditLog.open(path, unexpected);
    await log.write({
      ...ENTRY,
      method: "startJob",
      jobId: "1",
      command: { name: "sh", args: ["-c", "a\nb\u2028\0\ud800"] },
      decision: "denied",
      result: "permission_denied",
    });
    await log.write(ENTRY);
  }
  const text = await Deno.readTextFile(path);
  const [first, second] = linesOf(text);
  const time = Date.parse(String(first?.time));
  assert.ok(time >= from && time <= Date.now());
  assert.deepEqual({ ...first, time: "" }, {
    time: "",
    user: "alice",
    roles: ["admin"],
    fingerprint: "of alice",
    peer: "192.0.2.1:4711",
    method: "startJob",
    jobId: "1",
    argv: ["sh", "-c", "a\nb\u2028\0\ud800"],
    decision: "denied",
    result: "permission_denied",
  });
  assert.deepEqual(Object.keys(second ?? {}), [
    "time",
    "user",
    "roles",
    "fingerprint",
    "peer",
    "method",
    "decision",
    "result",
  ]);
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
});

Deno.test("AuditLog goes on behind a line that was torn, and loses no entry to it", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const before = '{"whole":1}\n';
  const cases: readonly [rest: string, damages: [from: number, to: number][]][] = [
    ["", []],
    ['{"only":"the line end is missing"}', []],
    ['{"time":"20', [[12, 23]]],
    ["\0".repeat(711), [[12, 723]]],
    ['{"time":"20\0\0\0"}\n{"whole":2}\n', [[12, 28]]],
    ['{"ti\0\0\n\0\0\n{"whole":2}\n\0\n', [[12, 21], [34, 35]]],
    ['"no object', [[12, 22]]],
  ];
  for (const [rest, damages] of cases) {
    await Deno.writeTextFile(path, before + rest);
    const told: string[] = [];
    for (const jobId of ["1", "2"]) {
      await using log = await AuditLog.open(path, (error) => told.push(messageOf(error)));
      await log.write(entryOf(jobId));
    }
    const text = await Deno.readTextFile(path);
    assert.ok(text.startsWith(before + rest));
    const added = linesOf(text.slice(before.length + rest.length).replace(/^\n/, ""));
    assert.deepEqual(added.flatMap(({ jobId }) => jobId ?? []), ["1", "2"]);
    assert.deepEqual(
      added.flatMap(({ damaged }) => damaged ?? []),
      damages.map(([from, to]) => ({ from, to })),
    );
    // Once, and not at each start.
    assert.deepEqual(
      told,
      damages.map(([from, to]) =>
        `A power cut damaged the audit trail ${path}: bytes ${from} to ${to} are not ` +
        "complete lines; a line at its end marks them"
      ),
    );
  }
});

Deno.test("AuditLog looks at the first line of a short trail, and at none that began before the tail of a long one", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const whole = `{"whole":"${"x".repeat(1_000)}"}\n`;
  const long = whole.repeat(9_000);
  for (const before of ["", long]) {
    await Deno.writeTextFile(path, `${before}{"ti\0\n${whole}`);
    await using _log = await AuditLog.open(path, () => {});
    const text = await Deno.readTextFile(path);
    const { damaged } = JSON.parse(text.slice(text.lastIndexOf("\n", text.length - 2)));
    assert.deepEqual(damaged, { from: before.length, to: before.length + 5 });
    const marks = text.match(/"damaged"/g);
    assert.equal(marks?.length, 1);
  }
});

Deno.test("AuditLog appends to what is there", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  for (const jobId of ["1", "2"]) {
    await using log = await AuditLog.open(path, unexpected);
    await log.write(entryOf(jobId));
  }
  assert.deepEqual(linesOf(await Deno.readTextFile(path)).map((line) => line.jobId), ["1", "2"]);
});

Deno.test("AuditLog keeps entries that come at the same time whole and in order", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const ids = Array.from({ length: 500 }, (_, n) => String(n));
  {
    await using log = await AuditLog.open(path, unexpected);
    await Promise.all(ids.map(async (jobId, n) => {
      // Some at once, some while others are written.
      if (n % 3 === 0) await Promise.resolve();
      await log.write(entryOf(jobId));
    }));
    assert.equal(linesOf(await Deno.readTextFile(path)).length, ids.length);
    await log.assertWritable();
  }
  const written = linesOf(await Deno.readTextFile(path)).map((line) => String(line.jobId));
  assert.deepEqual(written.toSorted((a, b) => Number(a) - Number(b)), ids);
});

Deno.test("AuditLog closes with every entry written", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const log = await AuditLog.open(path, unexpected);
  const writes = ["1", "2"].map((jobId) => log.write(entryOf(jobId)));
  await log[Symbol.asyncDispose]();
  await Promise.all(writes);
  assert.equal(linesOf(await Deno.readTextFile(path)).length, 2);
});

Deno.test("AuditLog sets aside what cannot be written, says so, and writes it once it can", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const faults: unknown[] = [];
  await using log = await AuditLog.open(path, (error) => faults.push(error));
  await log.write(entryOf("before"));
  {
    using _disk = fullDisk();
    await log.write(entryOf("torn"));
    assert.equal(faults.length, 1);
    const error = await rejection(log.assertWritable());
    assert.ok(error instanceof JobWorkerError);
    assert.equal(error.code, "unavailable");
    assert.match(error.message, /^Cannot write the audit trail .*audit\.log: No space left/);
    await log.write(entryOf("late"));
    assert.equal(faults.length, 2);
    // Nothing of them is in the file: half a line would spoil the next one.
    const kept = linesOf(await Deno.readTextFile(path));
    assert.deepEqual(kept.map((line) => line.jobId), ["before"]);
  }
  await log.assertWritable();
  await log.write(entryOf("after"));
  const all = linesOf(await Deno.readTextFile(path));
  assert.deepEqual(all.map((line) => line.jobId), ["before", "torn", "late", "after"]);
});

Deno.test("AuditLog holds few bytes while the disk takes none, and tells how many entries it lost", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await using log = await AuditLog.open(path, () => {});
  const ids = Array.from({ length: 200 }, (_, n) => String(n));
  {
    using _disk = fullDisk();
    await Promise.all(ids.map((jobId) => log.write(largeEntry(jobId))));
    // It tries in vain to write, with a loss to report.
    await rejection(log.assertWritable());
  }
  await log.assertWritable();
  const { size } = await Deno.stat(path);
  const lines = linesOf(await Deno.readTextFile(path));
  const { lost, time } = lines.at(-1) ?? {};
  const kept = ids.length - Number(lost);
  assert.ok(kept > 150 && size < 4 * 1024 * 1024 + 30_000, `${kept}, ${size}`);
  assert.ok(Date.parse(String(time)) > 0);
  assert.deepEqual(lines.map((line) => line.jobId), [...ids.slice(0, kept), undefined]);
  // The loss is reported once.
  await log.write(entryOf("later"));
  assert.equal(linesOf(await Deno.readTextFile(path)).at(-1)?.jobId, "later");
});

Deno.test("AuditLog loses nothing on a disk that is merely slow", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await using log = await AuditLog.open(path, unexpected);
  const ids = Array.from({ length: 700 }, (_, n) => String(n));
  await Promise.all(ids.map((jobId) => log.write(largeEntry(jobId))));
  assert.deepEqual(linesOf(await Deno.readTextFile(path)).map((line) => line.jobId), ids);
});

Deno.test("AuditLog writes what is known of an entry that makes no sense", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const faults: unknown[] = [];
  await using log = await AuditLog.open(path, (error) => faults.push(error));
  await log.write({ ...ENTRY, method: "stopJob", command: JSON.parse("{}") });
  const [line] = linesOf(await Deno.readTextFile(path));
  assert.deepEqual([line?.user, line?.method, line?.result], ["alice", "stopJob", "ok"]);
  assert.equal(faults.length, 1);
});

/** As long as it lives, every write to a file gets half way. */
function fullDisk(): Disposable {
  const { writeSync } = Deno.FsFile.prototype;
  let written = false;
  Deno.FsFile.prototype.writeSync = function (bytes: Uint8Array): number {
    written = !written;
    if (!written) throw new Error("No space left on device (os error 28)");
    return writeSync.call(this, bytes.subarray(0, bytes.byteLength / 2));
  };
  return {
    [Symbol.dispose]: () => {
      Deno.FsFile.prototype.writeSync = writeSync;
    },
  };
}

Deno.test("AuditLog.reopen() goes on in a new file once the old one was renamed, and loses no line", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await using log = await AuditLog.open(path, unexpected);
  const ids = Array.from({ length: 60 }, (_, index) => `${index}`);
  const writes: Promise<void>[] = [];
  for (const id of ids) {
    writes.push(log.write(entryOf(id)));
    if (id === "20") await Deno.rename(path, `${path}.1`);
    // This works even where nothing was renamed.
    if (Number(id) % 20 === 10 || id === "20") writes.push(log.reopen());
    if (Number(id) % 7 === 0) await Promise.all(writes);
  }
  await Promise.all(writes);
  const old = linesOf(await Deno.readTextFile(`${path}.1`));
  const now = linesOf(await Deno.readTextFile(path));
  assert.ok(old.length >= 20 && now.length >= 1);
  assert.deepEqual([...old, ...now].map(({ jobId }) => jobId), ids);
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
});

Deno.test("AuditLog goes on in a file that is renamed until it is told to reopen, every time", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await using log = await AuditLog.open(path, unexpected);
  for (const name of ["1", "2"]) {
    await log.commit(entryOf(`${name} before`));
    await Deno.rename(path, `${path}.${name}`);
    await log.commit(entryOf(`${name} after`));
    assert.deepEqual(
      linesOf(await Deno.readTextFile(`${path}.${name}`)).map(({ jobId }) => jobId),
      [`${name} before`, `${name} after`],
    );
    await assert.rejects(Deno.lstat(path), Deno.errors.NotFound);
    await log.reopen();
  }
  assert.equal(await Deno.readTextFile(path), "");
});

Deno.test("AuditLog begins anew when its file was removed, says so, and loses no line that comes after", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const faults: unknown[] = [];
  await using log = await AuditLog.open(path, (error) => faults.push(error));
  await log.write(entryOf("1"));
  await Deno.remove(path);
  await Promise.all([log.write(entryOf("2")), log.write(entryOf("3"))]);
  await log.write(entryOf("4"));
  const lines = linesOf(await Deno.readTextFile(path));
  assert.deepEqual(lines.map(({ jobId }) => jobId), ["2", "3", "4"]);
  assert.equal((await Deno.stat(path)).mode, 0o100600);
  assert.deepEqual(faults.map(String), [
    `Error: The audit trail ${path} was removed: a new one has been started`,
  ]);
});

Deno.test("AuditLog writes some of what one caller is denied by one method, and the number of the others", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const denied = (user: string, method: AuditEntry["method"], jobId: string): AuditEntry => ({
    ...ENTRY,
    caller: contextOf(user, []).caller,
    method,
    jobId,
    decision: "denied",
    result: "permission_denied",
  });
  {
    await using log = await AuditLog.open(path, unexpected);
    for (let time = 0; time < 514; time++) {
      await log.write(denied("mallory", "startJob", `${time}`));
    }
    await log.write(denied("mallory", "stopJob", "stop"));
    await log.write(denied("bob", "startJob", "bob"));
    for (let time = 0; time < 30; time++) await log.write(entryOf("allowed"));
    const now = linesOf(await Deno.readTextFile(path)).map(({ jobId }) => jobId);
    const first = Array.from({ length: 20 }, (_, time) => `${time}`);
    assert.deepEqual(now, [...first, "stop", "bob", ...Array(30).fill("allowed")]);
  }
  const { jobId, user, method, unreported } = linesOf(await Deno.readTextFile(path)).at(-1) ?? {};
  assert.deepEqual([jobId, user, method, unreported], ["513", "mallory", "startJob", 493]);
});
