import { JobWorkerError } from "../../lib/errors.ts";
import { type JobFilter, MemoryStore, statusOf } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { BrokenStore } from "./broken_store.ts";
import { rejection, TestWorker } from "./fixture.ts";
import { DONE, job as jobOf } from "../executor/job_fixture.ts";

Deno.test("Worker.get() and Worker.wait() find no job that does not exist", async () => {
  await using test = await TestWorker.open();
  for (const promise of [test.worker.get("nope"), test.worker.wait("nope")]) {
    const error = await rejection(promise);
    assert.ok(error instanceof JobWorkerError);
    assert.deepEqual([error.code, error.message], ["not_found", 'No job "nope"']);
  }
});

Deno.test("Worker.wait() bounds the wait, not the job", async () => {
  await using test = await TestWorker.open();
  const job = await test.sh("sleep 1000");
  const controller = new AbortController();
  const waiting = test.worker.wait(job.jobId, { signal: controller.signal });
  const reason = new Error("No longer");
  controller.abort(reason);
  assert.equal(await rejection(waiting), reason);
  assert.equal((await test.worker.get(job.jobId)).end, null);
});

Deno.test("Worker.wait() returns the same end to all callers, later ones too", async () => {
  await using test = await TestWorker.open();
  const { jobId } = await test.sh("sleep 0.05; exit 3");
  const jobs = await Promise.all(Array.from({ length: 20 }, () => test.worker.wait(jobId)));
  for (const job of [...jobs, await test.worker.wait(jobId)]) assert.deepEqual(job, jobs[0]);
});

Deno.test("A job that is read while it runs shows how much it has printed", async () => {
  await using test = await TestWorker.open();
  const { jobId } = await test.sh("printf 12345; printf 678 >&2; sleep 1000");
  await test.printed(jobId, "678");
  await test.printed(jobId, "12345");
  const job = await test.worker.get(jobId);
  assert.deepEqual([job.stdoutBytes, job.stderrBytes], [5, 3]);
  assert.deepEqual(await test.worker.list({ statuses: ["running"] }, { limit: 1 }), [job]);
});

Deno.test("Worker.list() shows the newest first, a page at a time", async () => {
  await using test = await TestWorker.open();
  const jobs = await Promise.all(Array.from({ length: 20 }, () => test.ran("exit 0")));
  const newestFirst = jobs.map(({ jobId }) => jobId).sort().reverse();
  const seen: string[] = [];
  for (let page = await test.worker.list({}, { limit: 7 }); page.length > 0;) {
    seen.push(...page.map(({ jobId }) => jobId));
    page = await test.worker.list({}, { limit: 7, before: seen.at(-1) ?? "" });
  }
  assert.deepEqual(seen, newestFirst);
});

Deno.test("Worker.watch() shows what there is, then every start and end", async () => {
  await using store = new MemoryStore();
  const old = Array.from({ length: 2_100 }, (_, index) => `0${String(index).padStart(4, "0")}`);
  for (const jobId of old) await store.put(jobOf({ jobId, end: DONE }));
  await using test = await TestWorker.open({ store });
  const controller = new AbortController();
  const watch = test.worker.watch({}, controller.signal);
  const next = async () => {
    const { value } = await watch.next();
    return value;
  };
  for (const jobId of old.toReversed()) assert.equal((await next()).jobId, jobId);
  const job = await test.sh("sleep 1000");
  const seen = [await next()];
  const stopping = test.worker.stop(job.jobId);
  seen.push(await next());
  assert.deepEqual(seen.map(({ jobId }) => jobId), [job.jobId, job.jobId]);
  assert.deepEqual(seen.map(statusOf), ["running", "cancelled"]);
  assert.deepEqual(seen[1], await stopping);
  const waiting = watch.next();
  controller.abort(new Error("Enough"));
  assert.match(String(await rejection(waiting)), /Enough/);
});

Deno.test("Worker.watch() that has been left is told of nothing any more", async () => {
  await using test = await TestWorker.open();
  let looks = 0;
  const filter: JobFilter = {
    get owner() {
      looks++;
      return "alice";
    },
  };
  await test.ran("exit 0");
  const watch = test.worker.watch(filter, new AbortController().signal);
  assert.equal((await watch.next()).value.owner, "alice");
  await test.ran("exit 0");
  assert.ok(looks > 1);
  await Promise.resolve(watch.return(undefined as never));
  looks = 0;
  await test.ran("exit 0");
  assert.equal(looks, 0);
});

Deno.test("Worker.watch() misses no job of many, and shows the end of each last", async () => {
  await using test = await TestWorker.open();
  const controller = new AbortController();
  const last = new Map<string, string>();
  const all = Promise.withResolvers<void>();
  const watching = (async () => {
    for await (const job of test.worker.watch({ owner: "alice" }, controller.signal)) {
      last.set(job.jobId, statusOf(job));
      if (last.size === 60 && [...last.values()].every((status) => status === "done")) {
        all.resolve();
      }
    }
  })();
  await test.start({ name: "true" }, { owner: "bob" });
  await Promise.all(Array.from({ length: 60 }, () => test.ran("exit 0")));
  await all.promise;
  controller.abort();
  await rejection(watching);
});

Deno.test("Worker.watch() begins with as many as it is asked for, and misses no change of the others", async () => {
  await using test = await TestWorker.open();
  const jobs = await Promise.all([test.sh("sleep 1000"), test.sh("sleep 1000")]);
  const [older, newer] = jobs.map(({ jobId }) => jobId).sort();
  const controller = new AbortController();
  const watch = test.worker.watch({}, controller.signal, { newest: 1 });
  assert.equal((await watch.next()).value.jobId, newer);
  const next = watch.next();
  await test.worker.stop(older ?? "");
  const { value } = await next;
  assert.deepEqual([value.jobId, statusOf(value)], [older, "cancelled"]);
  controller.abort();
  await rejection(watch.next());
});

Deno.test("A job that cannot be recorded does not run", async () => {
  await using store = new BrokenStore();
  await using test = await TestWorker.open({ store });
  store.fails = () => true;
  const error = await rejection(test.sh("sleep 1000"));
  assert.match(String(error), /Disk full/);
  assert.deepEqual(await test.worker.list({}, { limit: 10 }), []);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(`${test.directory}/logs`)), []);
});

Deno.test("An end that cannot be recorded is told, and known as long as the worker lives", async () => {
  await using store = new BrokenStore();
  await using test = await TestWorker.open({ store });
  store.fails = ({ end }) => end !== null;
  const job = await test.ran("echo out; exit 3");
  assert.deepEqual(job.end?.exitStatus, { code: 3 });
  assert.deepEqual(await test.worker.get(job.jobId), job);
  assert.equal((await test.read(job.jobId)).stdout, "out\n");
  const error = await rejection(test.worker.stop(job.jobId));
  assert.match(String(error), /already ended \(failed\)/);
  assert.match(String(test.faults.splice(0)), /Disk full/);
});
