import { PromptWrites } from "../../lib/log/prompt_writes.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

/** Says who writes: this thread or another one. Here, it takes as long as it is told. */
class FakeFile {
  readonly #timers: FakeTimers;
  readonly written: ("here" | "thread")[] = [];
  takesMs = 0;
  /** What another thread waits for. */
  disk = Promise.resolve();

  constructor(timers: FakeTimers) {
    this.#timers = timers;
  }

  writeSync(bytes: Uint8Array): number {
    this.written.push("here");
    this.#timers.pass(this.takesMs);
    return bytes.byteLength;
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.written.push("thread");
    await this.disk;
    return bytes.byteLength;
  }
}

const BYTES = new Uint8Array(3);

Deno.test("PromptWrites leaves writes to another thread after a millisecond, so that other things have their turn", async () => {
  using timers = new FakeTimers();
  const file = new FakeFile(timers);
  file.takesMs = 0.25;
  const writes = new PromptWrites();
  for (let count = 0; count < 10; count++) {
    assert.equal(await writes.write(file, BYTES), 3);
    timers.pass(0.75);
  }
  const round = [...Array(4).fill("here"), "thread"];
  assert.deepEqual(file.written, [...round, ...round]);
});

Deno.test("PromptWrites leaves no write to another thread that comes after a pause as long as those before took", async () => {
  using timers = new FakeTimers();
  const file = new FakeFile(timers);
  file.takesMs = 3;
  const writes = new PromptWrites();
  for (const pauseMs of [3, 3, 2, 0]) {
    await writes.write(file, BYTES);
    timers.pass(pauseMs);
  }
  assert.deepEqual(file.written, ["here", "here", "here", "thread"]);
});

Deno.test("PromptWrites leaves all writes to another thread until one that it has left there is done", async () => {
  using timers = new FakeTimers();
  const [one, other] = [new FakeFile(timers), new FakeFile(timers)];
  one.takesMs = 2;
  const disk = Promise.withResolvers<void>();
  one.disk = other.disk = disk.promise;
  const writes = new PromptWrites();
  await writes.write(one, BYTES);
  const left = [one, other].map((file) => writes.write(file, BYTES));
  timers.pass(1_000);
  left.push(writes.write(other, BYTES));
  disk.resolve();
  assert.deepEqual(await Promise.all(left), [3, 3, 3]);
  await writes.write(other, BYTES);
  assert.deepEqual(one.written, ["here", "thread"]);
  assert.deepEqual(other.written, ["thread", "thread", "here"]);
});

Deno.test("PromptWrites goes on without another thread after a write there that failed", async () => {
  using timers = new FakeTimers();
  const file = new FakeFile(timers);
  file.takesMs = 2;
  const writes = new PromptWrites();
  await writes.write(file, BYTES);
  file.disk = Promise.reject(new Error("No space left on device"));
  await assert.rejects(async () => await writes.write(file, BYTES), /No space left/);
  await writes.write(file, BYTES);
  assert.deepEqual(file.written, ["here", "thread", "here"]);
});

Deno.test("PromptWrites leaves all writes to another thread after one that was slow, to whichever file, for two seconds", async () => {
  using timers = new FakeTimers();
  const [slow, other] = [new FakeFile(timers), new FakeFile(timers)];
  slow.takesMs = 20;
  const writes = new PromptWrites();
  await writes.write(slow, BYTES);
  for (let count = 0; count < 6; count++) await writes.write(other, BYTES);
  timers.pass(2_000);
  await writes.write(other, BYTES);
  assert.deepEqual(slow.written, ["here"]);
  assert.deepEqual(other.written, [...Array(6).fill("thread"), "here"]);
});

Deno.test("PromptWrites makes files as it writes to them: for us alone, here unless the disk was slow", async () => {
  await using directory = await temporaryDirectory();
  using timers = new FakeTimers();
  const disk = new FakeFile(timers);
  disk.takesMs = 20;
  const writes = new PromptWrites();
  const made: boolean[] = [];
  for (const name of ["here", "elsewhere"]) {
    const own = `${directory.path}/${name}`;
    const making = writes.create(own, `${own}/file`);
    made.push(making instanceof Promise);
    using file = await making;
    const modes = [await file.stat(), await Deno.stat(own)].map(({ mode }) => (mode ?? 0) & 0o777);
    assert.deepEqual(modes, [0o600, 0o700]);
    await assert.rejects(
      async () => await writes.create(own, `${own}/file`),
      Deno.errors.AlreadyExists,
    );
    await writes.write(disk, BYTES);
  }
  assert.deepEqual(made, [false, true]);
});
