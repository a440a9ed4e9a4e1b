import { tellGrowth } from "../../lib/executor/tell_growth.ts";
import { assert } from "../assert.ts";
import { openLog, write } from "../log/log_fixture.ts";
import { soon } from "../soon.ts";

/** Whoever is told, and takes it when the test says so. */
class Listener {
  readonly offsets: number[] = [];
  #told = Promise.withResolvers<void>();
  #taken = Promise.withResolvers<void>();

  readonly tell = async ({ endOffset }: { readonly endOffset: number }): Promise<void> => {
    this.offsets.push(endOffset);
    this.#told.resolve();
    await this.#taken.promise;
  };

  async told(): Promise<void> {
    await soon(this.#told.promise, () => "to be told");
  }

  take(): void {
    const { resolve } = this.#taken;
    this.#told = Promise.withResolvers();
    this.#taken = Promise.withResolvers();
    resolve();
  }
}

Deno.test("tellGrowth() tells what came while the last was being told, in one go", async () => {
  await using test = await openLog();
  await write(test.writer, "known");
  const listener = new Listener();
  const stop = new AbortController();
  const telling = tellGrowth(test.log, listener.tell, stop.signal);
  await write(test.writer, "1");
  await listener.told();
  await write(test.writer, "2", "!3");
  listener.take();
  await listener.told();
  assert.deepEqual(listener.offsets, [6, 8]);
  listener.take();
  stop.abort();
  await soon(telling, () => "the end");
});

Deno.test("tellGrowth() tells the end of a log, also if nothing came before it", async () => {
  await using test = await openLog();
  const states: unknown[] = [];
  const tell = ({ endOffset, closed }: { endOffset: number; closed: boolean }) =>
    Promise.resolve(void states.push([endOffset, closed]));
  const telling = tellGrowth(test.log, tell, new AbortController().signal);
  await test.writer[Symbol.asyncDispose]();
  await soon(telling, () => "the end");
  assert.deepEqual(states, [[0, true]]);
});

Deno.test("tellGrowth() leaves a log that is silent when nobody wants to know any more", async () => {
  await using test = await openLog();
  const stop = new AbortController();
  const telling = tellGrowth(test.log, () => assert.fail("Nothing has come"), stop.signal);
  stop.abort();
  await soon(telling, () => "the end");
});
