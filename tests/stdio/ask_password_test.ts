import { assertEquals, assertRejects } from "@std/assert";
import { JobWorkerError } from "../../lib/errors.ts";
import { askNewPassword, askPassword, type PasswordSource } from "../../lib/stdio/ask_password.ts";

/** A terminal, or a pipe, on which this is typed. `null` is its end. */
class FakeSource implements PasswordSource {
  readonly modes: boolean[] = [];
  readonly #pieces: (string | Uint8Array | null)[];
  readonly #terminal: boolean;

  constructor(pieces: (string | Uint8Array | null)[], terminal = true) {
    this.#pieces = pieces;
    this.#terminal = terminal;
  }

  isTerminal(): boolean {
    return this.#terminal;
  }

  setRaw(mode: boolean, options?: { cbreak: boolean }): void {
    assertEquals(mode, options?.cbreak ?? false);
    this.modes.push(mode);
  }

  read(buffer: Uint8Array): Promise<number | null> {
    const piece = this.#pieces.shift();
    if (piece === undefined) return new Promise(() => {});
    if (piece === null) return Promise.resolve(null);
    const bytes = typeof piece === "string" ? new TextEncoder().encode(piece) : piece;
    buffer.set(bytes);
    return Promise.resolve(bytes.length);
  }
}

function ask(source: PasswordSource, signal = new AbortController().signal) {
  const printed: string[] = [];
  const options = { source, print: (text: string) => void printed.push(text), signal };
  return { printed, options };
}

Deno.test("askPassword() reads what is typed, without showing it", async () => {
  const euro = new TextEncoder().encode("€");
  const typed: [(string | Uint8Array | null)[], string][] = [
    [["secret\r"], "secret"],
    [["s", "e", "cx\x7fret", "\n"], "secret"],
    [["wrong\x15secret\r"], "secret"],
    [["secret", null], "secret"],
    [["secret\x04"], "secret"],
    [[euro.subarray(0, 1), euro.subarray(1), "\r"], "€"],
    [["a b c \r"], "a b c "],
  ];
  for (const [pieces, password] of typed) {
    const source = new FakeSource(pieces);
    const { printed, options } = ask(source);
    assertEquals(await askPassword("Password: ", options), password);
    assertEquals(printed, ["Password: ", "\n"]);
    assertEquals(source.modes, [true, false]);
  }
});

Deno.test("askPassword() leaves the terminal as it was, whatever happens", async () => {
  const leaving = new AbortController();
  const silent = new FakeSource(["half"]);
  const { options } = ask(silent, leaving.signal);
  const asked = askPassword("Password: ", options);
  leaving.abort(new Error("Ctrl-C"));
  await assertRejects(() => asked, Error, "Ctrl-C");
  assertEquals(silent.modes, [true, false]);

  const empty = new FakeSource(["\r"]);
  await assertRejects(
    () => askPassword("Password: ", ask(empty).options),
    JobWorkerError,
    "No password was given",
  );
  assertEquals(empty.modes, [true, false]);
});

Deno.test("askPassword() reads one line of a pipe, without a question", async () => {
  const source = new FakeSource(["secret\nmore\n"], false);
  const { printed, options } = ask(source);
  assertEquals(await askNewPassword("Password: ", options), "secret");
  assertEquals(printed, []);
  assertEquals(source.modes, []);
});

Deno.test("askNewPassword() asks twice on a terminal", async () => {
  assertEquals(
    await askNewPassword("Password: ", ask(new FakeSource(["one\r", "one\r"])).options),
    "one",
  );
  await assertRejects(
    () => askNewPassword("Password: ", ask(new FakeSource(["one\r", "two\r"])).options),
    JobWorkerError,
    "do not match",
  );
});
