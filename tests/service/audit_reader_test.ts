import { JobWorkerError } from "../../lib/errors.ts";
import { auditJson } from "../../lib/job/audit_record.ts";
import { trailFiles } from "../../lib/service/audit_files.ts";
import { auditLine } from "../../lib/service/audit_line.ts";
import { AuditLog } from "../../lib/service/audit_log.ts";
import { readTrail } from "../../lib/service/audit_reader.ts";
import type { AuditBatch, AuditGap, StreamAuditRequest } from "../../lib/service/job_service.ts";
import { TrailWriter } from "../../lib/service/trail_writer.ts";
import { assert } from "../assert.ts";
import { watchFlushes } from "../failing_flush.ts";
import { soon } from "../soon.ts";
import { rejection, temporaryDirectory } from "../worker/fixture.ts";
import { entryOf, linesOf, unexpected } from "./audit_log_fixture.ts";
import { ALL_LINES } from "./fixture.ts";

const NEVER = new AbortController().signal;

/** The ids of jobs that lines are about. */
async function read(log: AuditLog, request: Partial<StreamAuditRequest> = {}): Promise<string[]> {
  const batches = await Array.fromAsync(log.read({ ...ALL_LINES, ...request }, NEVER));
  return batches.flatMap(({ records }) => records.map(({ jobId }) => jobId));
}

function idsUpTo(count: number): string[] {
  return Array.from({ length: count }, (_, n) => String(n));
}

/** Somebody who follows a trail, as long as it lives. */
class Follower implements AsyncDisposable {
  readonly ids: string[] = [];
  gaps = 0;
  position = "";
  readonly #leaving = new AbortController();
  readonly #done: Promise<void>;
  #advanced = Promise.withResolvers<void>();

  constructor(read: AuditLog["read"], request: Partial<StreamAuditRequest> = {}) {
    const whole = { ...ALL_LINES, ...request, follow: true };
    this.#done = this.#follow(read(whole, this.#leaving.signal));
  }

  static of(log: AuditLog, request: Partial<StreamAuditRequest> = {}): Follower {
    return new Follower((whole, signal) => log.read(whole, signal), request);
  }

  async has(count: number): Promise<void> {
    while (this.ids.length < count) {
      await soon(
        Promise.race([this.#advanced.promise, this.#done]),
        () => `${count} lines after ${this.ids}`,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new Error("Enough");
    this.#leaving.abort(reason);
    assert.equal(await rejection(this.#done), reason);
  }

  async #follow(batches: AsyncIterable<AuditBatch>): Promise<void> {
    for await (const { gap, records, position } of batches) {
      if (gap !== undefined) this.gaps++;
      this.ids.push(...records.map(({ jobId }) => jobId));
      this.position = position;
      this.#advanced.resolve();
      this.#advanced = Promise.withResolvers();
    }
  }
}

Deno.test("AuditLog.read() has the lines of all files in order, as they are in the trail", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const line = (jobId: string) => `${JSON.stringify({ time: new Date(), user: "a", jobId })}\n`;
  for (const suffix of [".2", ".1"]) {
    await Deno.writeTextFile(path + suffix, line(`in${suffix}`));
    await Deno.utime(path + suffix, 1, suffix === ".2" ? 1 : 2);
  }
  await using log = await AuditLog.open(path, unexpected, { limitBytes: 2_000 });
  const ids = idsUpTo(100);
  // Even what has not been flushed yet is read.
  for (const id of ids) await log.write(entryOf(id));
  await log.commit(entryOf("100"));
  await log.write(entryOf("101"));
  assert.ok((await trailFiles(path)).length > 3);
  assert.deepEqual(await read(log), ["in.2", "in.1", ...ids, "100", "101"]);

  const [last] = (await Array.fromAsync(log.read({ ...ALL_LINES, jobIdPrefix: "101" }, NEVER)))
    .flatMap(({ records }) => records);
  const written = linesOf(await Deno.readTextFile(path)).at(-1);
  assert.deepEqual(last && auditJson(last), written);
});

Deno.test("AuditLog.read() has the lines that are asked for, and no others", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const lines = [
    { time: "2026-01-01T00:00:00.000Z", user: "a", method: "startJob", jobId: "10" },
    { time: "2026-01-02T00:00:00.000Z", user: "b", method: "startJob", jobId: "11" },
    { time: "2026-01-03T00:00:00.000Z", user: "a", method: "stopJob", jobId: "20" },
    {
      time: "2026-01-04T00:00:00.000Z",
      user: "b",
      method: "stopJob",
      jobId: "21",
      decision: "denied",
    },
    { time: "2026-01-05T00:00:00.000Z", lost: 3 },
  ];
  await Deno.writeTextFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  await using log = await AuditLog.open(path, unexpected);
  const cases: [Partial<StreamAuditRequest>, string[]][] = [
    [{ user: "a" }, ["10", "20"]],
    [{ jobIdPrefix: "1" }, ["10", "11"]],
    [{ method: "stopJob" }, ["20", "21"]],
    [{ deniedOnly: true }, ["21"]],
    [{ since: Date.parse("2026-01-03T00:00:00Z") }, ["20", "21", ""]],
    [{ user: "b", method: "startJob", since: 0 }, ["11"]],
    [{ user: "c" }, []],
    [{}, ["10", "11", "20", "21", ""]],
  ];
  for (const [request, expected] of cases) {
    assert.deepEqual(await read(log, request), expected, JSON.stringify(request));
  }
});

Deno.test("AuditLog.read() follows the trail across its files, and loses and doubles no line", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await using log = await AuditLog.open(path, unexpected, { limitBytes: 1_500 });
  await log.commit(entryOf("0"));
  const ids = idsUpTo(120);
  const followers = [Follower.of(log), Follower.of(log, { jobIdPrefix: "1" })];
  await using _resources = new AsyncDisposableStack();
  for (const follower of followers) _resources.use(follower);
  for (const id of ids.slice(1)) {
    await (Number(id) % 3 === 0 ? log.commit(entryOf(id)) : log.write(entryOf(id)));
    if (id === "50") await Deno.rename(path, `${path}.1`);
    if (id === "60") await log.reopen();
    // They are in the middle of it most of the time.
    if (Number(id) % 30 === 0) await followers[0]?.has(Number(id) - 5);
  }
  await followers[0]?.has(120);
  assert.deepEqual(followers[0]?.ids, ids);
  const ones = ids.filter((id) => id.startsWith("1"));
  await followers[1]?.has(ones.length);
  assert.deepEqual(followers[1]?.ids, ones);
  assert.deepEqual(followers.map(({ gaps }) => gaps), [0, 0]);
});

Deno.test("AuditLog.read() ends with what there is when it begins", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await using log = await AuditLog.open(path, unexpected, { limitBytes: 100_000 });
  const ids = idsUpTo(1_000);
  await Promise.all(ids.map((id) => log.write(entryOf(id))));
  const seen: string[] = [];
  for await (const { records } of log.read(ALL_LINES, NEVER)) {
    seen.push(...records.map(({ jobId }) => jobId));
    // More comes than is read, and other files are begun.
    await Promise.all(idsUpTo(1_000).map((id) => log.write(entryOf(`later ${id}`))));
    await log.commit(entryOf("later"));
  }
  assert.deepEqual(seen, ids);
});

Deno.test("AuditLog.read() continues behind a position, whatever its file is called by now", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  let position = "";
  {
    await using log = await AuditLog.open(path, unexpected);
    for (const id of ["1", "2"]) await log.commit(entryOf(id));
    await using follower = Follower.of(log);
    await follower.has(2);
    position = follower.position;
    await log.commit(entryOf("3"));
    await Deno.rename(path, `${path}.1`);
    await log.reopen();
    await log.commit(entryOf("4"));
  }
  await using log = await AuditLog.open(path, unexpected);
  assert.deepEqual(await read(log, { position }), ["3", "4"]);
  await using follower = Follower.of(log, { position });
  await follower.has(2);
  assert.deepEqual(follower.ids, ["3", "4"]);

  await Deno.remove(`${path}.1`);
  const error = await rejection(read(log, { position }));
  assert.ok(error instanceof JobWorkerError);
  assert.deepEqual([error.code, error.field], ["out_of_range", "position"]);
  assert.ok(
    error.message.startsWith(`Invalid position "${position}": its file of the audit trail`),
  );
});

Deno.test("readTrail() shows no line that does not stay", async () => {
  await using directory = await temporaryDirectory();
  const bounds = { limitBytes: Infinity, maxAgeMs: Infinity, keep: 1 };
  await using trail = await TrailWriter.open(`${directory.path}/audit.log`, () => {}, bounds);
  await trail.commit(auditLine(entryOf("before")));
  using flushes = watchFlushes(1);
  const flushing = flushes.hold();
  const refused = rejection(trail.commit(auditLine(entryOf("refused"))));
  await flushing.begun;
  // It is in the file at this point.
  assert.match(await Deno.readTextFile(trail.path), /refused/);
  await using follower = new Follower((request, signal) => readTrail(trail, request, signal));
  await follower.has(1);
  flushing.go();
  await refused;
  await trail.commit(auditLine(entryOf("after")));
  await follower.has(2);
  assert.deepEqual(follower.ids, ["before", "after"]);
});

Deno.test("readTrail() goes on with what is left if the file that it read is removed, and repeats nothing", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await Deno.writeTextFile(`${path}.1`, auditLine(entryOf("older")));
  await Deno.utime(`${path}.1`, 1, 1);
  await using log = await AuditLog.open(path, unexpected, { limitBytes: 1_000, keep: 1 });
  await log.commit(entryOf("0"));
  const batches = log.read({ ...ALL_LINES, follow: true }, NEVER);
  const gaps: { gap: AuditGap; before: string }[] = [];
  const times: number[] = [];
  const next = async () => {
    const { gap, records } = (await batches.next()).value ?? assert.fail("It has ended");
    times.push(...records.map(({ time }) => time));
    const ids = records.map(({ jobId }) => jobId);
    if (gap !== undefined) gaps.push({ gap, before: ids[0] ?? "" });
    return ids;
  };
  assert.deepEqual([await next(), await next()], [["older"], ["0"]]);
  // It stands still, and meanwhile its file is moved aside and removed.
  const ids = idsUpTo(60);
  for (const id of ids.slice(1)) await log.commit(entryOf(id));
  const seen: string[] = [];
  while (seen.at(-1) !== "59") seen.push(...await next());
  await batches.return();
  // It is told from when to when, at the place where they are missing.
  assert.equal(gaps.length, 1);
  const { gap, before } = gaps[0] ?? assert.fail();
  const missing = seen.findIndex((id, at) => at > 0 && Number(id) !== Number(seen[at - 1]) + 1);
  assert.equal(before, seen[missing]);
  // The first two lines were read before.
  assert.deepEqual(gap, { from: times[missing + 1], to: times[missing + 2] });
  assert.ok(seen.length < 59);
  assert.deepEqual(seen.slice(-5), ids.slice(-5));
  assert.ok(!seen.includes("older"));
  assert.equal(new Set(seen).size, seen.length);
});

Deno.test("readTrail() misses no file that is moved aside while it lists them", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await Deno.writeTextFile(`${path}.20260101T000000.000Z`, auditLine(entryOf("0")));
  await Deno.utime(`${path}.20260101T000000.000Z`, 1, 1);
  await Deno.writeTextFile(path, auditLine(entryOf("1")));
  const { ino, size } = await Deno.stat(path);
  const trail = {
    path,
    current: { ino, number: 1, size },
    grown: () => new Promise<void>(() => {}),
  };
  const { readDir } = Deno;
  let listings = 0;
  Deno.readDir = async function* (where) {
    const entries = await Array.fromAsync(readDir(where));
    // Behind the first file, and before it is looked at what the names stand for.
    if (++listings === 2) {
      await Deno.rename(path, `${path}.20260102T000000.000Z`);
      await Deno.writeTextFile(path, auditLine(entryOf("2")));
    }
    yield* entries;
  };
  try {
    const batches = readTrail(trail, { ...ALL_LINES, follow: true }, NEVER);
    const ids: string[] = [];
    while (ids.length < 2) {
      const { records } = (await batches.next()).value ?? assert.fail("It has ended");
      ids.push(...records.map(({ jobId }) => jobId));
    }
    await batches.return();
    assert.deepEqual(ids, ["0", "1"]);
  } finally {
    Deno.readDir = readDir;
  }
});

Deno.test("readTrail() tells of no gap if only the file is removed that it has read", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const bounds = { limitBytes: 1, keep: 2 };
  await using log = await AuditLog.open(path, unexpected, bounds);
  await log.commit(entryOf("0"));
  const batches = log.read({ ...ALL_LINES, follow: true }, NEVER);
  assert.deepEqual((await batches.next()).value?.records.map(({ jobId }) => jobId), ["0"]);
  // Each has a file of its own, and the first one is removed.
  for (const id of ["1", "2"]) await log.commit(entryOf(id));
  assert.equal((await trailFiles(path)).length, 3);
  for (const id of ["1", "2"]) {
    const { gap, records } = (await batches.next()).value ?? assert.fail();
    assert.deepEqual([gap, records.map(({ jobId }) => jobId)], [undefined, [id]]);
  }
  await batches.return();
});

Deno.test("AuditLog.read() passes over what a power cut has damaged", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const whole = (jobId: string) => `${JSON.stringify({ time: new Date(0), jobId })}\n`;
  await Deno.writeTextFile(
    path,
    [
      whole("1"),
      '{"time":"20\0\0',
      "\0".repeat(200_000),
      "\n",
      whole("2"),
      '"x"\n{}\n',
      whole("3"),
      '{"torn',
    ].join(""),
  );
  await using log = await AuditLog.open(path, () => {});
  await log.commit(entryOf("4"));
  // The lines in between mark what is damaged.
  assert.deepEqual((await read(log)).filter((id) => id !== ""), ["1", "2", "3", "4"]);
});
