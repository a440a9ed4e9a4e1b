import { JobWorkerError } from "../../lib/errors.ts";
import { parseSignal } from "../../lib/job/parse_signal.ts";
import { assert } from "../assert.ts";

Deno.test("parseSignal() takes names and numbers as people write them", () => {
  for (const text of ["SIGTERM", "sigterm", "TERM", "term", "15"]) {
    assert.equal(parseSignal(text), "TERM");
  }
  assert.equal(parseSignal("1"), "HUP");
  assert.equal(parseSignal("09"), "KILL");
  assert.equal(parseSignal("31"), "SYS");
  assert.equal(parseSignal("34"), "34");
  assert.equal(parseSignal("64"), "64");
});

Deno.test("parseSignal() knows every signal by the number that the kernel gives it", async () => {
  const { stdout } = await new Deno.Command("bash", { args: ["-c", "kill -l"] }).output();
  const listed = [...new TextDecoder().decode(stdout).matchAll(/(\d+)\) SIG(\w+)/g)];
  const named = listed.filter(([, number]) => Number(number) < 32);
  assert.equal(named.length, 31);
  for (const [, number = "", name = ""] of named) {
    assert.equal(parseSignal(number), name);
    assert.equal(parseSignal(name), name);
  }
});

Deno.test("parseSignal() refuses what is not a signal, and shows it", () => {
  for (const text of ["", "0", "32", "33", "65", "-9", "9.0", "SIGNOPE", "TERM\n", "KILL;reboot"]) {
    let error: unknown;
    try {
      parseSignal(text);
    } catch (thrown) {
      error = thrown;
    }
    assert.ok(error instanceof JobWorkerError, `Accepted ${JSON.stringify(text)}`);
    assert.equal(error.code, "invalid_argument");
    assert.ok(error.message.startsWith(`Invalid signal ${JSON.stringify(text)}: use a name`));
  }
});
