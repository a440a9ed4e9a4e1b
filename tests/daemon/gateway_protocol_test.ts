import {
  commandSchema,
  decodeLines,
  encodeLine,
  reportSchema,
} from "../../lib/daemon/gateway_protocol.ts";
import { assert } from "../assert.ts";

/** The commands that come out of these pieces of a stream. */
function decoded(...pieces: readonly (string | Uint8Array<ArrayBuffer>)[]) {
  const bytes = pieces.map((piece) =>
    typeof piece === "string" ? new TextEncoder().encode(piece) : piece
  );
  return Array.fromAsync(decodeLines(ReadableStream.from(bytes), commandSchema));
}

Deno.test("decodeLines() finds each message, however the stream is cut", async () => {
  const messages = [{ kind: "ping", id: 7 }, { kind: "socket", fault: "ä\n" }] as const;
  const whole = messages.map(encodeLine);
  const bytes = Uint8Array.from(whole.flatMap((line) => [...line]));
  for (let cut = 0; cut <= bytes.byteLength; cut++) {
    const pieces = [bytes.slice(0, cut), bytes.slice(cut)];
    assert.deepEqual(await decoded(...pieces), messages, `cut at ${cut}`);
  }
});

Deno.test("decodeLines() takes a line of 64 Ki characters, and none longer, in however many pieces", async () => {
  const line = (length: number) => {
    const [start, end] = ['{"kind":"socket","fault":"', '"}'];
    return `${start}${"x".repeat(length - start.length - end.length)}${end}`;
  };
  const most = 64 * 1024;
  for (const size of [1_000, most]) {
    const pieces = (text: string) => text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    assert.equal((await decoded(...pieces(line(most)), "\n")).length, 1);
    await assert.rejects(decoded(...pieces(line(most + 1)), "\n"), /A line without end/);
  }
});

Deno.test("A refusal may be as long as its limits say, and no longer", () => {
  const longest = {
    method: "connect",
    peer: `[${"f".repeat(120)}]:65535`,
    user: "u".repeat(64),
    fingerprint: "a".repeat(64),
    why: "w".repeat(512),
    unreported: 3,
  };
  assert.equal(longest.peer.length, 128);
  const report = (refusal: unknown) => reportSchema.safeParse({ kind: "refused", refusal });
  assert.deepEqual(report(longest).data, { kind: "refused", refusal: longest });
  for (const name of ["peer", "user", "fingerprint", "why"] as const) {
    assert.equal(report({ ...longest, [name]: `${longest[name]}x` }).success, false, name);
  }
  assert.equal(report({ ...longest, method: "else" }).success, false);
});

Deno.test("decodeLines() throws for what is no message", async () => {
  for (const line of ["no JSON", '{"kind":"dance"}', '{"kind":"ping"}']) {
    await assert.rejects(decoded(`${line}\n`));
  }
});
