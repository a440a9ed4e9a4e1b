import { assertEquals } from "@std/assert";
import { bothOutputs } from "../../lib/stdio/both_outputs.ts";
import { Buffer } from "node:buffer";
import { ROOT } from "../programs.ts";
import { pieces, TOTAL_BYTES } from "../written_pieces.ts";

const RETURN = 0x0d;

/** What is written decides which write is the first to be cut short. */
const SEEDS = [2, 3];

for (const kind of ["pipe", "socket", "terminal"] as const) {
  // Or what it is is not known, which takes as many writes as there are lines.
  for (const how of ["write", "sync", "unknown"] as const) {
    Deno.test(`StandardOutput loses and repeats no byte on a ${kind} with O_NONBLOCK: ${how}`, async () => {
      await Promise.all(SEEDS.map((seed) => written({ kind, name: "stdout", how, seed })));
    });
  }
}

Deno.test("StandardOutput loses and repeats no byte on standard error, either", async () => {
  for (const how of ["write", "sync"] as const) {
    await written({ kind: "pipe", name: "stderr", how, seed: 2 });
  }
});

Deno.test("StandardOutput writes on after a write that has failed, and tells that one's caller only", async () => {
  const { write } = Deno.stderr;
  const { stderr } = bothOutputs();
  const taken: string[] = [];
  Deno.stderr.write = (bytes) => {
    const text = new TextDecoder().decode(bytes);
    if (text === "bad") return Promise.reject(new Error("No space left on device"));
    taken.push(text);
    return Promise.resolve(bytes.length);
  };
  try {
    const writes = ["one", "bad", "two"].map((text) =>
      stderr.write(new TextEncoder().encode(text))
    );
    const outcomes = await Promise.allSettled(writes);
    assertEquals(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
    assertEquals(taken, ["one", "two"]);
  } finally {
    Deno.stderr.write = write;
  }
});

/** Has the pieces of a seed written, and looks at what has come. */
async function written({ kind, name, how, seed }: {
  kind: "pipe" | "socket" | "terminal";
  name: "stdout" | "stderr";
  how: "write" | "sync" | "unknown";
  seed: number;
}): Promise<void> {
  const starter = [`${ROOT}tests/non_blocking.py`, kind, name];
  const deno = ["run", "--no-prompt", "--allow-read", `--config=${ROOT}deno.json`];
  const program = [`${ROOT}tests/written_pieces.ts`, name, how, String(seed)];
  const { code, stdout, stderr } = await new Deno.Command("python3", {
    args: [...starter, Deno.execPath(), ...deno, ...program],
  }).output();
  const [found, other] = name === "stdout" ? [stdout, stderr] : [stderr, stdout];
  assertEquals([code, new TextDecoder().decode(other)], [0, ""]);
  // A terminal adds them to the ends of lines.
  assertSame(kind === "terminal" ? found.filter((byte) => byte !== RETURN) : found, seed);
}

function assertSame(found: Uint8Array<ArrayBuffer>, seed: number): void {
  const expected = Buffer.concat([...pieces(seed)]);
  assertEquals(found.length, TOTAL_BYTES, `seed ${seed}`);
  const different = found.findIndex((byte, at) => byte !== expected[at]);
  assertEquals(different, -1, `seed ${seed}`);
}
