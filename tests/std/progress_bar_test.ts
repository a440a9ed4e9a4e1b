import { assert, assertEquals, assertMatch } from "@std/assert";
import { ProgressBar } from "@std/cli/unstable-progress-bar";
import { soon } from "../soon.ts";

const decoder = new TextDecoder();

/** A stream that keeps what is written, and how often it was closed. */
function recording() {
  const found = { text: "", closed: 0 };
  const writable = new WritableStream<Uint8Array>({
    write: (bytes) => void (found.text += decoder.decode(bytes)),
    close: () => void found.closed++,
  });
  return { found, writable };
}

const formatter = ({ value, max }: { value: number; max: number }) => `${value}/${max}`;

Deno.test("ProgressBar draws at once, and its last state at the end", async () => {
  const { found, writable } = recording();
  const bar = new ProgressBar({ writable, max: 3, value: 1, formatter });
  bar.value = 2;
  bar.max = 4;
  await bar.stop();
  assertEquals(found, { text: "\r\x1b[K1/3\r\x1b[K2/4\n", closed: 0 });
  assert(!writable.locked);
});

Deno.test("ProgressBar removes its line and closes the stream, if it is told to", async () => {
  const { found, writable } = recording();
  const bar = new ProgressBar({ writable, max: 3, formatter, clear: true, keepOpen: false });
  await bar.stop();
  assertEquals(found, { text: "\r\x1b[K0/3\r\x1b[K", closed: 1 });
});

Deno.test("ProgressBar draws again and again, and tells how long it has been there", async () => {
  const times: number[] = [];
  const drawn = Promise.withResolvers<void>();
  const bar = new ProgressBar({
    writable: recording().writable,
    max: 1,
    refreshMilliseconds: 1,
    formatter: ({ time }) => {
      if (times.push(time) === 3) drawn.resolve();
      return "";
    },
  });
  await soon(drawn.promise, () => `after ${times.length} drawings`, 10_000);
  await bar.stop();
  assertEquals(times, times.toSorted((a, b) => a - b));
  assertMatch(times.join(), /^[\d,]+$/);
});

Deno.test("ProgressBar does not fail if nobody can see it", async () => {
  let tries = 0;
  const writable = new WritableStream<Uint8Array>({
    write: () => {
      tries++;
      throw new Error("Nobody is there");
    },
  });
  await new ProgressBar({ writable, max: 1, formatter }).stop();
  assertEquals(tries, 1);
});
