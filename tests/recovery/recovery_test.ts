import type { AdoptedJobs, Executor, RunningJob } from "../../lib/executor/executor.ts";
import type { Job } from "../../lib/job/types.ts";
import { LogLibrary } from "../../lib/log/log_library.ts";
import { MemoryStore } from "../../lib/worker/memory_store.ts";
import { recover } from "../../lib/worker/recovery.ts";
import { assert } from "../assert.ts";
import { DONE, job } from "../executor/job_fixture.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const JOB_ID = "01890a5d-ac96-774b-bcce-b302099a8057";

/** An executor that has found these jobs, and writes down which ones it is to abandon. */
function executorWith(found: Partial<AdoptedJobs>, abandoned: string[] = []): Executor {
  const no = () => Promise.reject(new Error("Nobody starts a job here"));
  return {
    containment: "process_group",
    prepare: no,
    launch: no,
    abandon: (jobId) => Promise.resolve(void abandoned.push(jobId)),
    adopt: () => Promise.resolve({ held: [], isComplete: false, ...found }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A job that an executor holds, of which only the id is looked at. */
function heldJob(jobId: string, released: string[]): RunningJob {
  const part: Pick<RunningJob, "jobId" | "confirm" | "release" | "stop"> = {
    jobId,
    stop: ({ stopSignal }) => Promise.resolve(void released.push(`${stopSignal} ${jobId}`)),
    confirm: () => {},
    release: () => void released.push(jobId),
  };
  return Object.assign(Object.create(null), part);
}

async function recovered(
  store: MemoryStore,
  executor: Executor,
  { ranUntil = 0, output = "" } = {},
): Promise<{ adopted: string[]; lost: string[] }> {
  await using directory = await temporaryDirectory();
  await using logs = await LogLibrary.open(`${directory.path}/logs`);
  if (output !== "") {
    await using writer = logs.create(JOB_ID, {});
    await writer.append("stdout", new TextEncoder().encode(output));
  }
  const adopted: string[] = [];
  const lost: Job[] = [];
  await recover({
    store,
    executor,
    logs,
    ranUntil,
    adopt: ({ jobId }) => Promise.resolve(void adopted.push(jobId)),
    onAdopted: () => Promise.resolve(),
    onLost: (jobs) => lost.push(...jobs),
    onFault: (error) => assert.fail(String(error)),
  });
  return { adopted, lost: lost.map(({ jobId }) => jobId) };
}

Deno.test("recover() lets the jobs that an executor holds go on, and the others are lost", async () => {
  await using store = new MemoryStore();
  const ids = Array.from({ length: 1_002 }, (_, index) => `job-${String(index).padStart(4, "0")}`);
  for (const jobId of ids) await store.put(job({ jobId }));
  const released: string[] = [];
  const held = ids.filter((_, index) => index % 3 !== 0);
  const { adopted, lost } = await recovered(
    store,
    executorWith({ held: held.map((jobId) => heldJob(jobId, released)), isComplete: true }),
  );
  assert.deepEqual(adopted, held);
  assert.deepEqual(lost.sort(), ids.filter((id) => !held.includes(id)));
  assert.deepEqual(released, []);
  for (const jobId of lost) assert.equal((await store.get(jobId))?.end?.reason, "lost");
  for (const jobId of held) assert.equal((await store.get(jobId))?.end, null);
});

Deno.test("recover() ends and releases jobs whose end is recorded, or that nobody knows", async () => {
  await using store = new MemoryStore();
  await store.put(job({ jobId: "ended", end: DONE }));
  const released: string[] = [];
  const held = ["ended", "unknown"].map((jobId) => heldJob(jobId, released));
  const { adopted, lost } = await recovered(store, executorWith({ held }));
  assert.deepEqual([released, adopted, lost], [
    ["KILL ended", "ended", "KILL unknown", "unknown"],
    [],
    [],
  ]);
});

Deno.test("recover() forgets a job that never got a process, if that is certain", async () => {
  for (const isComplete of [true, false]) {
    await using store = new MemoryStore();
    await store.put(job({ jobId: "starting", pid: 0 }));
    await store.put(job({ jobId: "running", pid: 7 }));
    const abandoned: string[] = [];
    const { lost } = await recovered(store, executorWith({ isComplete }, abandoned));
    assert.deepEqual(abandoned, isComplete ? ["starting"] : []);
    assert.deepEqual(lost, isComplete ? ["running"] : ["starting", "running"]);
    assert.equal(await store.get("starting") === undefined, isComplete);
  }
});

Deno.test("recover() queues a job again whose turn had come, and which certainly never got a process", async () => {
  const waits = { pid: 0, queuedAt: 500, startedAt: null, liveStatus: "queued" } as const;
  for (const isComplete of [true, false]) {
    await using store = new MemoryStore();
    const starting = { jobId: "starting", queuedAt: 500, pid: 0 };
    await store.put(job(starting));
    await store.put(job({ ...waits, jobId: "waiting" }));
    const abandoned: string[] = [];
    const { lost } = await recovered(store, executorWith({ isComplete }, abandoned));
    assert.deepEqual([abandoned, lost], isComplete ? [["starting"], []] : [[], ["starting"]]);
    const queued = (await store.queued()).map(({ jobId }) => jobId);
    assert.deepEqual(queued, isComplete ? ["starting", "waiting"] : ["waiting"]);
    if (isComplete) assert.deepEqual(await store.get("starting"), job({ ...starting, ...waits }));
  }
});

Deno.test("recover() says when a lost job is last known to have run, and never in the future", async () => {
  const finishedAt = async (ranUntil: number, startedAt: number, output = "") => {
    await using store = new MemoryStore();
    await store.put(job({ jobId: JOB_ID, startedAt }));
    await recovered(store, executorWith({}), { ranUntil, output });
    return (await store.get(JOB_ID))?.end?.finishedAt ?? 0;
  };
  const before = Date.now();
  assert.equal(await finishedAt(2_000, 1_000), 2_000);
  assert.equal(await finishedAt(1_000, 2_000), 2_000);
  const printed = await finishedAt(2_000, 1_000, "x");
  assert.ok(before <= printed && printed <= Date.now(), "The time of what it has printed");
  const future = await finishedAt(Date.now() + 86_400_000, 1_000);
  assert.ok(before <= future && future <= Date.now());
});
