import { trailFiles } from "../../lib/service/audit_files.ts";
import { type AuditBounds, AuditLog } from "../../lib/service/audit_log.ts";
import { recentStarts } from "../../lib/service/recent_starts.ts";
import { messageOf } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { entryOf, linesOf, unexpected } from "./audit_log_fixture.ts";

/** Bounds that a few lines reach. */
const SMALL: AuditBounds = { limitBytes: 1_000, maxAgeMs: Infinity, keep: Infinity };

/** What the files of a trail say, one after the other. */
async function jobIdsIn(path: string): Promise<string[]> {
  const files = await trailFiles(path);
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(file.path)));
  return texts.flatMap((text) => linesOf(text).map(({ jobId }) => String(jobId)));
}

function idsUpTo(count: number): string[] {
  return Array.from({ length: count }, (_, n) => String(n));
}

Deno.test("AuditLog begins another file at its limit, and loses and doubles no line", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const ids = idsUpTo(200);
  {
    await using log = await AuditLog.open(path, unexpected, SMALL);
    const calls: Promise<void>[] = [];
    for (const id of ids) {
      calls.push(Number(id) % 3 === 0 ? log.commit(entryOf(id)) : log.write(entryOf(id)));
      if (Number(id) % 5 === 0) await Promise.all(calls);
    }
    await Promise.all(calls);
  }
  assert.deepEqual(await jobIdsIn(path), ids);
  const files = await trailFiles(path);
  assert.ok(files.length > 10, `${files.length}`);
  for (const { info } of files) {
    assert.ok(info.size < 3_000, `${info.size}`);
    assert.equal((info.mode ?? 0) & 0o777, 0o600);
  }
});

Deno.test("AuditLog keeps so many files, and lets what others have renamed be", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const foreign = [".1", ".2.gz", "-20261124", ".20261124T093908.836Z.bak"];
  for (const suffix of foreign) await Deno.writeTextFile(path + suffix, "");
  const ids = idsUpTo(60);
  {
    await using log = await AuditLog.open(path, unexpected, { ...SMALL, keep: 3 });
    for (const id of ids) await log.commit(entryOf(id));
  }
  const own = async () => {
    const names = await Array.fromAsync(Deno.readDir(directory.path), ({ name }) => name);
    return names.filter((name) => !foreign.includes(name.slice("audit.log".length)));
  };
  assert.equal((await own()).length, 4);
  const kept = await jobIdsIn(path);
  assert.deepEqual(kept, ids.slice(-kept.length));
  for (const suffix of foreign) assert.equal(await Deno.readTextFile(path + suffix), "");
  // Fewer are to be kept from now on.
  await using _next = await AuditLog.open(path, unexpected, { ...SMALL, keep: 1 });
  assert.equal((await own()).length, 2);
});

Deno.test("AuditLog begins another file once the first line of its own has become old", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const bounds = { ...SMALL, limitBytes: Infinity, maxAgeMs: 3_600_000 };
  const lineAt = (ageMs: number) =>
    `${JSON.stringify({ time: new Date(Date.now() - ageMs), jobId: "old" })}\n`;
  for (const [ageMs, files] of [[3_500_000, 1], [3_700_000, 2]] as const) {
    await Deno.writeTextFile(path, lineAt(ageMs));
    await using log = await AuditLog.open(path, unexpected, bounds);
    for (const id of ["1", "2"]) await log.commit(entryOf(id));
    assert.equal((await trailFiles(path)).length, files);
    assert.deepEqual(await jobIdsIn(path), ["old", "1", "2"]);
  }
});

Deno.test("AuditLog names files in order even if the clock is set back", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await Deno.writeTextFile(`${path}.29991231T235959.999Z`, "");
  await using log = await AuditLog.open(path, unexpected, SMALL);
  for (const id of idsUpTo(10)) await log.commit(entryOf(id));
  const names = await Array.fromAsync(Deno.readDir(directory.path), ({ name }) => name);
  assert.deepEqual(names.sort().slice(0, 3), [
    "audit.log",
    "audit.log.29991231T235959.999Z",
    "audit.log.30000101T000000.000Z",
  ]);
});

/** The steps in which a file of the trail changes. */
const STEPS = {
  deno: ["open", "rename", "remove"],
  file: ["writeSync", "syncData", "sync", "truncate"],
} as const;

/** A process that ends at a step: no later one is done. It lives as long as this does. */
function endingAt(step: number): Disposable & { readonly isOver: boolean } {
  let left = step;
  const targets = [[Deno, STEPS.deno], [Deno.FsFile.prototype, STEPS.file]] as const;
  const originals = targets.flatMap(([target, names]) =>
    names.map((name) => [target, name, Reflect.get(target, name)] as const)
  );
  for (const [target, name, original] of originals) {
    Reflect.set(target, name, function (this: unknown, ...args: unknown[]) {
      if (left-- > 0) return Reflect.apply(original, this, args);
      if (name === "writeSync") throw new Error("Over");
      return Promise.reject(new Error("Over"));
    });
  }
  return {
    get isOver() {
      return left < 0;
    },
    [Symbol.dispose]: () => {
      for (const [target, name, original] of originals) Reflect.set(target, name, original);
    },
  };
}

Deno.test("AuditLog loses and doubles no line that somebody was told of, at whatever step it ends", async () => {
  const bounds = { ...SMALL, keep: 2 };
  for (let step = 1;; step++) {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/audit.log`;
    const told: string[] = [];
    let isOver;
    {
      // Opened before, since it is what comes later that matters.
      const log = await AuditLog.open(path, () => {}, bounds);
      using process = endingAt(step);
      for (const id of idsUpTo(11)) {
        await log.commit(entryOf(id)).then(() => told.push(id), () => {});
      }
      await log[Symbol.asyncDispose]();
      isOver = process.isOver;
    }
    {
      await using log = await AuditLog.open(path, unexpected, bounds);
      await log.commit(entryOf("next"));
    }
    const written = await jobIdsIn(path);
    assert.equal(new Set(written).size, written.length, `step ${step}: ${written}`);
    assert.deepEqual(written.filter((id) => told.includes(id)), told, `step ${step}`);
    assert.equal(written.at(-1), "next");
    if (!isOver) {
      assert.ok(step > 20, `${step}`);
      break;
    }
  }
});

Deno.test("AuditLog leaves a file be that others have made for it, and goes on in that", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await using log = await AuditLog.open(path, unexpected, SMALL);
  await log.commit(entryOf("0"));
  // As logrotate(8) does with `create`, before it has the daemon reload.
  await Deno.rename(path, `${path}.1`);
  await Deno.writeTextFile(path, "", { mode: 0o600 });
  const ids = idsUpTo(8);
  for (const id of ids.slice(1)) await log.commit(entryOf(id));
  const files = (await trailFiles(path)).map((file) => file.path);
  assert.deepEqual(files, [`${path}.1`, path]);
  assert.deepEqual(await jobIdsIn(path), ids);
});

Deno.test("AuditLog goes on in a file that cannot be renamed, says so once a minute, and tries again", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const faults: string[] = [];
  const { rename } = Deno;
  using timers = new FakeTimers();
  timers.pass(1);
  await using log = await AuditLog.open(path, (error) => faults.push(messageOf(error)), SMALL);
  Deno.rename = () => Promise.reject(new Error("Not permitted"));
  try {
    for (const id of idsUpTo(20)) await log.commit(entryOf(id));
    assert.deepEqual(faults, ["Not permitted"]);
    timers.pass(60_000);
    await log.commit(entryOf("20"));
    assert.equal(faults.length, 2);
  } finally {
    Deno.rename = rename;
  }
  assert.equal((await trailFiles(path)).length, 1);
  timers.pass(60_000);
  for (const id of ["21", "22"]) await log.commit(entryOf(id));
  assert.equal((await trailFiles(path)).length, 2);
  assert.deepEqual(await jobIdsIn(path), idsUpTo(23));
});

Deno.test("recentStarts() reads the files before, however they got their names", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const line = (jobId: string) =>
    `${JSON.stringify({ method: "startJob", jobId, decision: "allowed", result: "ok" })}\n`;
  for (const suffix of [".2", ".1", ".20261124T093908.836Z", ""]) {
    await Deno.writeTextFile(path + suffix, line(`in${suffix}`));
  }
  assert.deepEqual(
    [...await recentStarts(path)].sort(),
    ["in", "in.1", "in.2", "in.20261124T093908.836Z"],
  );
  // What is far more than was under way is enough.
  await Deno.writeTextFile(path, line("in") + "x".repeat(8 * 1024 * 1024 - 200));
  assert.equal((await recentStarts(path)).size, 2);
});
