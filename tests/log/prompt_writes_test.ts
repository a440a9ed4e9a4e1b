import { PromptWrites } from "../../lib/log/prompt_writes.ts";
import { assert } from "../assert.ts";

/** Says who writes: this thread or another one. It takes as long as it is told. */
class FakeFile {
  readonly written: ("here" | "thread")[] = [];
  takesMs = 0;

  writeSync(bytes: Uint8Array): number {
    this.written.push("here");
    for (const end = performance.now() + this.takesMs; performance.now() < end;);
    return bytes.byteLength;
  }

  write(bytes: Uint8Array): Promise<number> {
    this.written.push("thread");
    return Promise.resolve(bytes.byteLength);
  }
}

const BYTES = new Uint8Array(3);

Deno.test("PromptWrites leaves every fourth write to a thread, so that other things have their turn", async () => {
  const file = new FakeFile();
  const writes = new PromptWrites();
  // One that the machine holds up for longer than a disk may take leaves more of them to a thread.
  for (let count = 0; count < 12; count++) assert.equal(await writes.write(file, BYTES), 3);
  for (const at of [3, 7, 11]) assert.equal(file.written[at], "thread");
  assert.equal(file.written[0], "here");
});

Deno.test("PromptWrites leaves all writes to a thread after one that was slow, to whichever file", async () => {
  const [slow, other] = [new FakeFile(), new FakeFile()];
  slow.takesMs = 20;
  const writes = new PromptWrites();
  await writes.write(slow, BYTES);
  for (let count = 0; count < 6; count++) await writes.write(other, BYTES);
  assert.deepEqual(slow.written, ["here"]);
  assert.deepEqual(other.written, Array(6).fill("thread"));
});
