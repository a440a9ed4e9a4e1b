import { beganAt } from "../../lib/job/types.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { LogWriter } from "../../lib/log/log_writer.ts";
import { assert } from "../assert.ts";
import {
  cgroupsOf,
  killEscaped,
  processStat,
  temporaryDirectory,
  TestWorker,
  until,
} from "../worker/fixture.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { fakeClock, write } from "../log/log_fixture.ts";
import {
  assertNothingRuns,
  assertPrinted,
  ENVIRONMENT_CLEARER,
  ESCAPER,
  killWorker,
  NextWorker,
  outputOnDisk,
  PRINTER,
  stranger,
} from "./fixture.ts";
import { readAll, settleWhatIsLeft } from "./worker_crashes.ts";

Deno.test("Worker.open() settles what workers have left that were killed at random moments", () =>
  settleWhatIsLeft(3));

Deno.test("Worker.open() ends jobs whose environment does not tell whose they are", async () => {
  for (const cgroups of [true, false]) {
    await using directory = await temporaryDirectory();
    const options = { cgroups, count: 5, scripts: [ENVIRONMENT_CLEARER] };
    const started = await killWorker(directory.path, options, (worker) => worker.seen(/all/));
    await using next = await NextWorker.open(directory.path, { cgroups });
    assert.equal(next.lost.length, 5);
    await assertNothingRuns(started);
  }
});

// The next worker need not use cgroups itself.
for (const cgroups of [true, false]) {
  Deno.test(`Worker.open({ cgroups: ${cgroups} }) ends what only a cgroup still holds, where there are any`, async () => {
    await using directory = await temporaryDirectory();
    const options = { cgroups: true, count: 1, scripts: [ESCAPER] };
    await killWorker(directory.path, options, async (worker) => {
      const [, jobId = ""] = await worker.seen(/"jobId":"([^"]+)"/);
      const log = `${directory.path}/logs/${jobId}`;
      await until(async () => (await outputOnDisk(log)).endsWith("\n"));
    });
    await using next = await NextWorker.open(directory.path, { cgroups });
    const [lost] = next.lost;
    assert.ok(lost);
    const printed = await readAll(next, lost.jobId);
    // Without cgroups it is out of reach, as the status of the job says.
    if (lost.containment === "process_group") return await killEscaped(printed);
    const { state = "gone" } = await processStat(parseInt(printed)) ?? {};
    assert.ok(["gone", "Z", "X"].includes(state), state);
    assert.deepEqual(await cgroupsOf([lost]), []);
  });
}

Deno.test("Worker.open() signals no process that merely has the process id of a lost job", async () => {
  await using directory = await temporaryDirectory();
  await using process = await stranger();
  const [boot = "", ticks] = process.processIdentity.split(":");
  const processIdentities = [
    undefined,
    "",
    `${boot}:${Number(ticks) + 1}`,
    `${boot}:${ticks}0`,
    `x:${ticks}`,
  ];
  {
    await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
    for (const [index, processIdentity] of processIdentities.entries()) {
      await store.put(job({ jobId: `${index}`, pid: process.pid }), processIdentity);
    }
  }
  {
    await using next = await NextWorker.open(directory.path);
    assert.equal(next.lost.length, processIdentities.length);
    assert.equal((await processStat(process.pid))?.state, "S");
  }
  // With the true identity in the record, the process is the job's, and is killed.
  {
    await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
    await store.put(job({ jobId: "true", pid: process.pid }), process.processIdentity);
  }
  await using next = await NextWorker.open(directory.path);
  assert.equal(next.lost.length, 1);
  await until(async () => ["Z", undefined].includes((await processStat(process.pid))?.state));
});

Deno.test("Worker.open() records as lost what died before it had a process", async () => {
  await using directory = await temporaryDirectory();
  {
    await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
    await store.put(job({ jobId: "a", pid: 0, requestId: "r" }));
  }
  await using next = await NextWorker.open(directory.path);
  const lost = await next.worker.get("a");
  assert.deepEqual([lost.end?.reason, lost.stdoutBytes, lost.logBytes], ["lost", 0, 0]);
  assert.equal(await readAll(next, "a"), "");
  const again = await next.worker.start({
    command: { name: "true" },
    owner: "alice",
    requestId: "r",
  });
  assert.equal(again.jobId, "a");
});

Deno.test("Worker.open() leaves out a record that was torn when the machine stopped", async () => {
  await using directory = await temporaryDirectory();
  const options = { cgroups: false, count: 2, scripts: [PRINTER] };
  const started = await killWorker(directory.path, options, async (worker) => {
    await worker.seen(/all/);
    for (const [, jobId] of worker.stdout.matchAll(/"jobId":"([^"]+)"/g)) {
      const log = `${directory.path}/logs/${jobId}`;
      await until(async () => (await outputOnDisk(log)).includes("line 10"));
    }
  });
  const [torn, rubbish] = started.map(({ jobId }) => `${directory.path}/logs/${jobId}`);
  assert.ok(torn !== undefined && rubbish !== undefined);
  const path = `${torn}/0000000000000000.log`;
  const { size } = await Deno.stat(path);
  await Deno.truncate(path, size - 1);
  await Deno.writeFile(`${rubbish}/0000000000000000.log`, new Uint8Array(4096), { append: true });

  await using next = await NextWorker.open(directory.path);
  for (const { jobId } of started) {
    const text = await readAll(next, jobId);
    assertPrinted(text);
    assert.equal(text, await outputOnDisk(`${directory.path}/logs/${jobId}`));
    assert.equal((await next.worker.get(jobId)).stdoutBytes, text.length);
  }
});

Deno.test("Worker keeps the order of its jobs and its pages although the clock was set back", async () => {
  await using directory = await temporaryDirectory();
  const now = Date.now();
  // An earlier worker lived next year.
  const started = ["03a2cafe-0000-7000-8000-000000000000"];
  {
    await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
    await store.put(job({ jobId: started[0] ?? "", end: DONE }));
  }
  const start = async ({ worker }: NextWorker) => {
    const { jobId } = await worker.start({ command: { name: "true" }, owner: "alice" });
    started.push(jobId);
    const { startedAt, end } = await worker.wait(jobId);
    assert.ok(
      startedAt !== null && end && end.finishedAt >= startedAt &&
        end.finishedAt < startedAt + 60_000,
    );
  };
  for (const time of [now, now - 3_600_000, 0, now + 3_600_000, now]) {
    using clock = fakeClock(time);
    await using next = await NextWorker.open(directory.path);
    await start(next);
    clock.now -= 3_600_000;
    await start(next);
  }
  await using next = await NextWorker.open(directory.path);
  assert.deepEqual(started.toSorted(), started);
  assert.equal(new Set(started).size, started.length);
  const seen: string[] = [];
  for (let page = await next.worker.list({}, { limit: 3 }); page.length > 0;) {
    seen.push(...page.map(({ jobId }) => jobId));
    page = await next.worker.list({}, { limit: 3, before: seen.at(-1) ?? "" });
  }
  assert.deepEqual(seen, started.toReversed());
});

Deno.test("Worker ends a lost job no earlier than it began, whatever the clock says", async () => {
  await using directory = await temporaryDirectory();
  {
    await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
    await store.put(job({ jobId: "a", startedAt: 5_000 }));
  }
  using _clock = fakeClock(1_000);
  await using next = await NextWorker.open(directory.path);
  assert.equal(next.lost[0]?.end?.finishedAt, 5_000);
});

Deno.test("Worker ends a lost job when it was last known to run", async () => {
  const cases = [
    { printed: 0, lived: 0, end: 5_000 },
    { printed: 7_000, lived: 6_000, end: 7_000 },
    { printed: 7_000, lived: 9_000, end: 9_000 },
    // Nothing is known of the future, whatever the directory says.
    { printed: 0, lived: 2_000_000, end: 1_000_000 },
  ];
  for (const { printed, lived, end } of cases) {
    await using directory = await temporaryDirectory();
    const logs = `${directory.path}/logs`;
    await Deno.mkdir(logs);
    using clock = fakeClock(printed);
    if (printed > 0) {
      await using writer = new LogWriter(`${logs}/a`);
      await write(writer, "early");
      await write(writer, "last");
    }
    await Deno.utime(logs, new Date(lived), new Date(lived));
    {
      await using store = await SqliteStore.open(`${directory.path}/jobs.db`);
      await store.put(job({ jobId: "a", startedAt: 5_000 }));
    }
    clock.now = 1_000_000;
    await using next = await NextWorker.open(directory.path);
    assert.equal(next.lost[0]?.end?.finishedAt, end);
  }
});

Deno.test("Worker notes from time to time that jobs run, and nothing once none does", async () => {
  await using test = await TestWorker.open();
  const logs = `${test.directory}/logs`;
  const usedAt = async () => (await Deno.stat(logs)).mtime?.getTime() ?? 0;
  await Deno.utime(logs, new Date(0), new Date(0));
  // It prints nothing, so that no log is made.
  const job = await test.sh("exec sleep 1000");
  await until(async () => await usedAt() >= beganAt(job));
  await test.worker.stop(job.jobId);
});
