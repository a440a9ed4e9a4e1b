import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { TestWorker } from "./fixture.ts";

const SLEEP = { name: "sleep", args: ["1000"] };

/** What becomes of many starts at once: how many there are of each code, or of jobs. */
async function race(
  test: TestWorker,
  count: number,
  options: { readonly owner?: string; readonly name?: string } = {},
): Promise<{ readonly started: string[]; readonly refused: string[] }> {
  const { owner = "alice", name } = options;
  const command = name === undefined ? SLEEP : { name };
  const started: string[] = [];
  const refused: string[] = [];
  await Promise.all(Array.from({ length: count }, async () => {
    try {
      started.push((await test.start(command, { owner })).jobId);
    } catch (error) {
      if (!(error instanceof JobWorkerError)) throw error;
      refused.push(error.code);
    }
  }));
  return { started, refused };
}

Deno.test("Worker runs so many jobs at once, whatever races to start them", async () => {
  await using test = await TestWorker.open({ maxRunning: 5, maxRunningPerUser: 3 });
  const alice = race(test, 10);
  const bob = race(test, 10, { owner: "bob" });
  assert.deepEqual([(await alice).started.length, (await bob).started.length], [3, 2]);
  const codes = new Set([...(await alice).refused, ...(await bob).refused]);
  assert.deepEqual([...codes], ["resource_exhausted"]);
  assert.equal((await test.worker.list({}, { limit: 100 })).length, 5, "Nothing else is recorded");
});

Deno.test("Worker has a slot again once a job has ended, and once a start has failed", async () => {
  await using test = await TestWorker.open({ maxRunning: 2 });
  for (let round = 0; round < 3; round++) {
    const failed = await race(test, 2, { name: "no-such-program" });
    assert.deepEqual(failed.refused, Array(2).fill("failed_precondition"));
    const confirm = () => Promise.reject(new JobWorkerError("unavailable", "Not confirmed"));
    await assert.rejects(test.start(SLEEP, { confirm }), { code: "unavailable" });
    const { started } = await race(test, 3);
    assert.equal(started.length, 2);
    // Whoever is told of an end finds the slot.
    const [first = "", second = ""] = started;
    await test.worker.stop(first);
    await test.ran("exit 7");
    await test.worker.stop(second);
  }
});

Deno.test("A start that is repeated takes no second slot, and finds its job when none is left", async () => {
  await using test = await TestWorker.open({ maxRunning: 1 });
  const start = () => test.start(SLEEP, { requestId: "one" });
  const [first, second] = await Promise.all([start(), start()]);
  assert.equal(first.jobId, second.jobId);
  assert.equal((await start()).jobId, first.jobId);
  assert.deepEqual((await race(test, 1)).refused, ["resource_exhausted"]);
});

Deno.test("What could never start is told so, even if no slot is left", async () => {
  await using test = await TestWorker.open({ maxRunning: 1 });
  await test.start(SLEEP);
  await assert.rejects(test.start({ name: "" }), { code: "invalid_argument" });
});
