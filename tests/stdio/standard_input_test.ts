import { assertEquals } from "@std/assert";
import process from "node:process";
import { Readable } from "node:stream";
import { StandardInput } from "../../lib/stdio/standard_input.ts";

Deno.test("StandardInput loses no byte where a read would have to wait, however little is asked for", async () => {
  const chunks = ["plain", "abcdefg", "hi", "jkl"].map((text) => new TextEncoder().encode(text));
  const [first = new Uint8Array(), ...others] = chunks;
  const { read } = Deno.stdin;
  const stdin = Object.getOwnPropertyDescriptor(process, "stdin");
  let reads = 0;
  Deno.stdin.read = (buffer) => {
    if (++reads > 1) return Promise.reject(new Deno.errors.WouldBlock());
    buffer.set(first);
    return Promise.resolve(first.length);
  };
  Object.defineProperty(process, "stdin", { value: Readable.from(others), configurable: true });
  try {
    const input = new StandardInput();
    const read: string[] = [];
    for (;;) {
      const buffer = new Uint8Array(reads === 0 ? 5 : 3);
      const length = await input.read(buffer);
      if (length === null) break;
      read.push(new TextDecoder().decode(buffer.subarray(0, length)));
    }
    assertEquals(read, ["plain", "abc", "def", "g", "hi", "jkl"]);
    assertEquals(reads, 2, "It is not tried again");
  } finally {
    Deno.stdin.read = read;
    if (stdin !== undefined) Object.defineProperty(process, "stdin", stdin);
  }
});
