import { JobWorkerError } from "../../lib/errors.ts";
import { JobInput } from "../../lib/executor/job_input.ts";
import { assert } from "../assert.ts";
import { rejection } from "../worker/fixture.ts";

/** An input that takes nothing before it is told to, and what it has taken then. */
function slowInput() {
  const reading = Promise.withResolvers<void>();
  const taken: number[] = [];
  const input = new JobInput(
    new WritableStream({
      async write(bytes) {
        await reading.promise;
        taken.push(...bytes);
      },
    }),
  );
  return { input, taken, read: reading.resolve };
}

const bytes = (...values: number[]) => new Uint8Array(values);

Deno.test("JobInput drops a waiting write when its caller leaves, and writes the others", async () => {
  const { input, taken, read } = slowInput();
  const first = input.write(0, bytes(1, 2));
  const leaving = new AbortController();
  const left = rejection(input.write(2, bytes(3, 4), leaving.signal));
  const next = input.write(2, bytes(5));
  const reason = new JobWorkerError("deadline_exceeded", "Deadline exceeded");
  leaving.abort(reason);
  assert.equal(await left, reason);
  read();
  assert.deepEqual(await Promise.all([first, next]), [2, 3]);
  assert.deepEqual(taken, [1, 2, 5]);
});

Deno.test("JobInput remembers what it was writing when the caller left, for a repeat", async () => {
  const { input, taken, read } = slowInput();
  const leaving = new AbortController();
  const left = rejection(input.write(0, bytes(1, 2), leaving.signal));
  const reason = new Error("left");
  leaving.abort(reason);
  assert.equal(await left, reason);
  const repeated = input.write(0, bytes(1, 2, 3));
  read();
  assert.equal(await repeated, 3);
  assert.deepEqual(taken, [1, 2, 3]);
});

Deno.test("JobInput holds the bytes of a few writes, however many come and give up", async () => {
  const { input, taken, read } = slowInput();
  const refused: unknown[] = [];
  const leaving = new AbortController();
  const writes = Array.from(
    { length: 600 },
    (_, at) =>
      input.write(at, bytes(at), leaving.signal).catch((error) => {
        refused.push(error);
        return null;
      }),
  );
  const over = await rejection(input.write(600, bytes(0)));
  assert.ok(over instanceof JobWorkerError);
  assert.equal(over.code, "resource_exhausted");
  assert.equal(refused.length, 600 - 5, "one is being written, and four wait");
  leaving.abort(new Error("left"));
  await Promise.all(writes);
  const again = input.write(1, bytes(7));
  read();
  assert.equal(await again, 2);
  assert.deepEqual(taken, [0, 7]);
});

Deno.test("JobInput that is closed finishes the write under way, and refuses those that wait", async () => {
  const { input, taken, read } = slowInput();
  const written = input.write(0, bytes(1));
  // So that it has begun.
  await Promise.resolve();
  const late = rejection(input.write(1, bytes(2)));
  await Promise.resolve();
  input.close();
  read();
  assert.equal(await written, 1);
  assert.match(String(await late), /input of the job is closed/);
  assert.deepEqual(taken, [1]);
});

Deno.test("JobInput refuses what would leave a gap, of whatever length, and takes what follows or overlaps", async () => {
  const { input, taken, read } = slowInput();
  read();
  assert.equal(await input.write(0, bytes(1, 2, 3)), 3);
  for (const data of [bytes(), bytes(9), bytes(9, 9, 9, 9)]) {
    const error = await rejection(input.write(4, data));
    assert.ok(error instanceof JobWorkerError && error.code === "out_of_range");
  }
  assert.equal(await input.write(3, bytes()), 3);
  assert.equal(await input.write(1, bytes(2)), 3);
  assert.equal(await input.write(2, bytes(3, 4)), 4);
  assert.equal(await input.write(4, bytes(5)), 5);
  assert.deepEqual(taken, [1, 2, 3, 4, 5]);
});
