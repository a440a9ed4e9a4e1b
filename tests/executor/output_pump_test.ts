import { OutputPump } from "../../lib/executor/output_pump.ts";
import type { Process } from "../../lib/process/process.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { textOf } from "../worker/fixture.ts";
import { openLog, recordsOf } from "../log/log_fixture.ts";

/** What is written into it can be read as from the pipe of a process. */
class Pipe {
  readonly #written: TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> =
    new TransformStream();
  readonly writable = this.#written.writable;
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;

  constructor() {
    const reader = this.#written.readable.getReader();
    this.readable = new ReadableStream({
      type: "bytes",
      async pull(controller) {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
        controller.byobRequest?.respond(0);
      },
      cancel: (reason) => reader.cancel(reason),
    });
  }
}

/** A process that has ended, and the ends of its pipes that it has left to others. */
function endedProcess(): { process: Process; stdout: Pipe; stderr: Pipe } {
  const stdout = new Pipe();
  const stderr = new Pipe();
  const process = {
    pid: 0,
    spawnedAt: 0,
    stdin: null,
    exit: Promise.resolve({ code: 0 }),
    stdout: stdout.readable,
    stderr: stderr.readable,
  };
  return { process, stdout, stderr };
}

/** Writes into a pipe, and closes it if asked. */
async function send(pipe: Pipe, texts: readonly string[], close: boolean): Promise<void> {
  const writer = pipe.writable.getWriter();
  for (const text of texts) await writer.write(new TextEncoder().encode(text));
  if (close) await writer.close();
}

function failed(error: unknown): never {
  throw error;
}

Deno.test("OutputPump.drain() reads to the end of both pipes", async () => {
  await using test = await openLog();
  const { process, stdout, stderr } = endedProcess();
  const pump = new OutputPump(process, test.writer, failed);
  const sent = Promise.all([send(stdout, ["a", "b"], true), send(stderr, ["c"], true)]);
  assert.equal(await pump.drain(), false);
  await sent;
  const records = await recordsOf(test.log);
  assert.equal(textOf(records, ["stdout"]), "ab");
  assert.equal(textOf(records, ["stderr"]), "c");
});

Deno.test("OutputPump.drain() leaves a pipe that somebody holds open and silent", async () => {
  await using test = await openLog();
  const { process, stdout, stderr } = endedProcess();
  const pump = new OutputPump(process, test.writer, failed);
  const sent = Promise.all([send(stdout, ["kept"], false), send(stderr, [], true)]);
  assert.equal(await pump.drain(), true);
  await sent;
  assert.equal(textOf(await recordsOf(test.log)), "kept");
});

Deno.test("OutputPump.drain() leaves a pipe into which somebody prints for ever", async () => {
  await using test = await openLog();
  const { process, stdout, stderr } = endedProcess();
  const pump = new OutputPump(process, test.writer, failed);
  const stop = new AbortController();
  const printing = (async () => {
    const writer = stdout.writable.getWriter();
    while (!stop.signal.aborted) {
      await writer.write(new TextEncoder().encode("again\n"));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })().catch(() => {});
  await send(stderr, [], true);
  assert.equal(await pump.drain(), true);
  stop.abort();
  await printing;
});

Deno.test("OutputPump.drain() waits for silence anew whenever something comes, for three seconds", async () => {
  await using test = await openLog();
  const { process, stdout, stderr } = endedProcess();
  const stored: string[] = [];
  test.writer.append = (_stream, data) =>
    Promise.resolve(void stored.push(new TextDecoder().decode(data)));
  const pump = new OutputPump(process, test.writer, failed);
  await send(stderr, [], true);
  const writer = stdout.writable.getWriter();
  using timers = new FakeTimers();
  let drained: boolean | null = null;
  const draining = pump.drain().then((cut) => drained = cut);
  const pass = async (looks: number) => {
    for (let look = 0; look < looks; look++) {
      for (let turn = 0; turn < 20; turn++) await null;
      timers.pass(100);
    }
    for (let turn = 0; turn < 20; turn++) await null;
  };
  for (const text of ["one", "two"]) {
    await pass(14);
    assert.equal(drained, null);
    void writer.write(new TextEncoder().encode(text)).catch(() => {});
  }
  await pass(1);
  assert.deepEqual([stored, drained], [["one", "two"], null]);
  await pass(1);
  assert.equal(drained, true);
  await draining;
});

Deno.test("OutputPump.drain() loses nothing to a disk that is slow at the end", async () => {
  await using test = await openLog();
  const { process, stdout, stderr } = endedProcess();
  const append = test.writer.append.bind(test.writer);
  test.writer.append = async (stream, data) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await append(stream, data);
  };
  const pump = new OutputPump(process, test.writer, failed);
  const sent = Promise.all([send(stdout, ["a", "b", "c"], true), send(stderr, [], true)]);
  assert.equal(await pump.drain(), false);
  await sent;
  assert.equal(textOf(await recordsOf(test.log)), "abc");
});

Deno.test("OutputPump.drain() loses nothing when this process is busy with something else", async () => {
  for (const turns of [0, 1, 2, 3]) {
    await using test = await openLog();
    const child = new Deno.Command("sh", {
      args: ["-c", "sleep 0.05; echo late"],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { stdout, stderr } = child;
    const pump = new OutputPump({ stdout, stderr }, test.writer, failed);
    const drained = pump.drain();
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    for (const until = performance.now() + 300; performance.now() < until;);
    assert.equal(await drained, false);
    await child.status;
    assert.equal(textOf(await recordsOf(test.log)), "late\n");
  }
});

Deno.test("OutputPump goes on reading when nothing can be stored, and says so once", async () => {
  await using test = await openLog();
  const { process, stdout, stderr } = endedProcess();
  test.writer.append = () => Promise.reject(new Error("No space left on device"));
  const errors: unknown[] = [];
  const pump = new OutputPump(process, test.writer, (error) => errors.push(error));
  await Promise.all([send(stdout, ["a", "b", "c"], true), send(stderr, [], true)]);
  assert.equal(await pump.drain(), false);
  assert.equal(errors.length, 1);
  assert.match(String(errors[0]), /No space left/);
});
