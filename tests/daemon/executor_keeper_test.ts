import { beganAt, statusOf } from "../../lib/worker/mod.ts";
import { executorSockets } from "../../lib/daemon/data_directory.ts";
import { assert } from "../assert.ts";
import { allProcesses, BOTH, FROM_START, temporaryDirectory, until } from "../worker/fixture.ts";
import { executorsIn } from "./executor_fixture.ts";
import { openWorker, outputOf, start } from "./worker_fixture.ts";

Deno.test("Jobs go on while one worker hands over to the next, and end as they would have", async () => {
  await using directory = await temporaryDirectory();
  const first = await openWorker(directory.path);
  const script = "i=0; while [ $i -lt 20 ]; do echo $i; i=$((i+1)); sleep 0.05; done; exit 7";
  const running = await start(first.worker, script);
  const ended = await start(first.worker, "sleep 0.2; echo ended; exit 3");
  const reader = await start(first.worker, "cat; exit 4", { hasInput: true });
  const encode = (text: string) => new TextEncoder().encode(text);
  assert.equal(await first.worker.writeInput(reader, 0, encode("before, ")), 8);
  const late = await start(first.worker, "sleep 1000", { timeoutMs: 1_500 });
  const { pid } = await first.worker.get(late);
  await first.handOver();
  await until(() =>
    Deno.stat(`${directory.path}/outcomes/${ended}.json`).then(() => true, () => false)
  );

  await using second = await openWorker(directory.path);
  assert.deepEqual(second.lost, []);
  assert.deepEqual((await second.worker.wait(ended)).end?.exitStatus, { code: 3 });
  assert.equal(await outputOf(second.worker, ended), "ended\n");
  assert.equal(await second.worker.writeInput(reader, 0, encode("before, after")), 13);
  await second.worker.closeInput(reader);
  assert.deepEqual((await second.worker.wait(reader)).end?.exitStatus, { code: 4 });
  assert.equal(await outputOf(second.worker, reader), "before, after");
  const lines = Array.from({ length: 20 }, (_, index) => `${index}\n`).join("");
  assert.equal(await outputOf(second.worker, running), lines);
  assert.deepEqual((await second.worker.wait(running)).end?.exitStatus, { code: 7 });
  const timedOut = await second.worker.wait(late);
  assert.deepEqual([timedOut.pid, timedOut.end?.reason], [pid, "timeout"]);
  const took = (timedOut.end?.finishedAt ?? 0) - beganAt(timedOut);
  assert.ok(took >= 1_500, `The limit of time was reached after ${took} ms`);
  const outcomes = () => Array.fromAsync(Deno.readDir(`${directory.path}/outcomes`));
  await until(async () => (await outcomes()).length === 0);
  assert.deepEqual(second.faults, []);
});

Deno.test("Jobs that were taken up count among those that run, until they have ended", async () => {
  await using directory = await temporaryDirectory();
  const first = await openWorker(directory.path);
  const jobIds = [];
  for (let count = 0; count < 3; count++) jobIds.push(await start(first.worker, "sleep 1000"));
  const ended = await start(first.worker, "exit 3");
  await first.handOver();
  await until(() =>
    Deno.stat(`${directory.path}/outcomes/${ended}.json`).then(() => true, () => false)
  );
  // One that has been lowered meanwhile ends nothing.
  await using second = await openWorker(directory.path, undefined, { maxRunning: 2 });
  for (const jobId of jobIds.slice(0, 2)) {
    await assert.rejects(start(second.worker, "exit 0"), { code: "resource_exhausted" });
    await second.worker.stop(jobId);
  }
  await start(second.worker, "sleep 1000");
  await assert.rejects(start(second.worker, "exit 0"), { code: "resource_exhausted" });
});

Deno.test("A stop goes on to its SIGKILL although the worker that was asked for it is gone", async () => {
  await using directory = await temporaryDirectory();
  const first = await openWorker(directory.path);
  const jobId = await start(first.worker, "trap '' TERM; echo ready; while :; do sleep 0.1; done");
  const log = first.worker.readLog(jobId, { start: FROM_START, streams: BOTH, follow: true });
  for await (const { records } of log) if (records.length > 0) break;
  void first.worker.stop(jobId, { gracePeriodMs: 1_000 }).catch(() => {});
  await until(async () => !(await first.worker.get(jobId)).end);
  await first.handOver();
  await using second = await openWorker(directory.path);
  const { end } = await second.worker.wait(jobId);
  assert.deepEqual([end?.status, end?.reason], ["cancelled", "stopped"]);
  assert.deepEqual(end?.exitStatus, { signal: "SIGKILL" });
});

Deno.test("An executor that dies loses its jobs, ends what they left, and is replaced", async () => {
  for (const cgroups of [true, false]) {
    await using directory = await temporaryDirectory();
    await using only = await openWorker(directory.path, { home: "/", cgroups });
    const { worker } = only;
    const jobId = await start(worker, "echo printed; setsid sleep 1000 & exec sleep 1000");
    const reading = worker.readLog(jobId, { start: FROM_START, streams: BOTH, follow: true });
    for (let printed = 0; printed === 0;) {
      printed = (await reading.next()).value?.records.length ?? 1;
    }
    const [executor] = await executorsIn(directory.path);
    assert.ok(executor !== undefined);
    Deno.kill(executor, "SIGKILL");
    const lost = await worker.wait(jobId);
    assert.deepEqual([lost.end?.status, lost.end?.reason], ["failed", "lost"]);
    assert.deepEqual([lost.stdoutBytes, lost.outputTruncated], [8, true]);
    assert.equal(await outputOf(worker, jobId), "printed\n");
    // Who follows it is not left waiting.
    for await (const _batch of reading);
    const left = (await allProcesses()).filter(({ session, state }) =>
      session === lost.pid && state !== "Z"
    );
    assert.deepEqual(left, []);
    const next = await start(worker, "exit 3");
    assert.deepEqual((await worker.wait(next)).end?.exitStatus, { code: 3 });
    assert.equal((await executorsIn(directory.path)).length, 1);
    assert.equal(statusOf(await worker.get(jobId)), "failed");
  }
});

Deno.test("An executor of other settings keeps the jobs it has, and ends with the last of them", async () => {
  await using directory = await temporaryDirectory();
  const first = await openWorker(directory.path, { home: "/", cgroups: false });
  const old = await start(first.worker, "read line; exit 5", { hasInput: true });
  await first.handOver();
  const [before] = await executorsIn(directory.path);
  await using second = await openWorker(directory.path, { home: "/tmp", cgroups: false });
  const young = await start(second.worker, "pwd");
  assert.equal(await outputOf(second.worker, young), "/tmp\n");
  assert.equal((await executorsIn(directory.path)).length, 2);
  await second.worker.closeInput(old);
  assert.deepEqual((await second.worker.wait(old)).end?.exitStatus, { code: 5 });
  await until(async () => !(await executorsIn(directory.path)).includes(before ?? 0));
  assert.equal((await executorsIn(directory.path)).length, 1);
  assert.deepEqual(second.faults, []);
});

Deno.test("Where there are too many executors, one does for a job only if it gives it no other rights", async () => {
  await using directory = await temporaryDirectory();
  const jobs: string[] = [];
  for (
    const [home, newPrivileges] of [["/", false], ["/tmp", false], ["/", true], [
      "/var",
      true,
    ]] as const
  ) {
    const before = await openWorker(directory.path, { home, newPrivileges });
    jobs.push(await start(before.worker, "exec sleep 1000"));
    await before.handOver();
  }
  const executors = await executorsIn(directory.path);
  assert.equal(executors.length, executorSockets(directory.path).length);
  const homes = `${directory.path}/homes`;
  const jobUids = { first: 2_123_460_000, last: 2_123_460_009, homes };
  await assert.rejects(
    openWorker(directory.path, { jobUids }),
    (error: Error) => /--job-uids/.test(error.message) && error.message.includes(`${executors[0]}`),
  );

  await using last = await openWorker(directory.path, { home: "/usr", newPrivileges: false });
  assert.equal(await outputOf(last.worker, await start(last.worker, 'echo "$HOME"')), "/tmp\n");
  for (const jobId of jobs) {
    assert.equal(statusOf(await last.worker.get(jobId)), "running");
    await last.worker.stop(jobId);
  }
});

Deno.test("A socket with nobody behind it is no executor, and what ran there is lost", async () => {
  await using directory = await temporaryDirectory();
  const first = await openWorker(directory.path);
  const jobId = await start(first.worker, "exec sleep 1000");
  await first.handOver();
  for (const pid of await executorsIn(directory.path)) Deno.kill(pid, "SIGKILL");
  await until(async () => (await executorsIn(directory.path)).length === 0);
  await using second = await openWorker(directory.path);
  assert.deepEqual(second.lost.map((job) => job.jobId), [jobId]);
  const ended = await second.worker.wait(await start(second.worker, "exit 6"));
  assert.deepEqual(ended.end?.exitStatus, { code: 6 });
});

/** Removes a file in the very moment in which it is there, if that comes within 10 ms. */
function isRemovedSoon(path: string): boolean {
  for (const deadline = performance.now() + 10; performance.now() < deadline;) {
    try {
      Deno.removeSync(path);
      return true;
    } catch {
      // Not yet.
    }
  }
  return false;
}

Deno.test("An executor makes its socket again that is removed, and the next worker takes its jobs up", async () => {
  await using directory = await temporaryDirectory();
  const [socket = ""] = executorSockets(directory.path);
  const isThere = async () => {
    const info = await Deno.lstat(socket).catch(() => null);
    return info !== null && info.isSocket === true && (info.mode ?? 0) % 0o1000 === 0o600;
  };
  const first = await openWorker(directory.path);
  const jobId = await start(first.worker, "read line; exit 5", { hasInput: true });
  const ways = [
    () => Deno.remove(socket),
    () => Deno.rename(socket, `${directory.path}/moved`),
    () => Deno.remove(socket),
  ];
  for (const [time, remove] of ways.entries()) {
    // Twice while somebody is connected, and then while nobody is.
    if (time === 2) await first.handOver();
    await remove();
    await until(isThere);
  }
  // Again and again, as soon as it is there.
  for (let time = 0; time < 100; time++) {
    await until(() => Promise.resolve(isRemovedSoon(socket)));
  }
  await until(isThere);
  await using second = await openWorker(directory.path);
  assert.deepEqual(second.lost, []);
  await second.worker.closeInput(jobId);
  assert.deepEqual((await second.worker.wait(jobId)).end?.exitStatus, { code: 5 });
});

Deno.test("An executor leaves alone what is in the place of its socket, and ends with its last job", async () => {
  await using directory = await temporaryDirectory();
  const [socket = ""] = executorSockets(directory.path);
  const first = await openWorker(directory.path);
  await start(first.worker, "sleep 0.5");
  await Deno.writeTextFile(`${directory.path}/file`, "not ours");
  await Deno.rename(`${directory.path}/file`, socket);
  await first.handOver();
  await until(async () => (await executorsIn(directory.path)).length === 0);
  assert.equal(await Deno.readTextFile(socket), "not ours");
});
