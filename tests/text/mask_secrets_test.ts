import { assert, assertEquals } from "@std/assert";
import { isNamePattern, maskFor, USUAL_SECRETS } from "../../lib/text/mask_secrets.ts";

const mask = maskFor(USUAL_SECRETS);

/** A command whose arguments are masked. */
function masked(...args: string[]): string[] {
  return args.map((arg, at) => mask(arg, args[at - 1]));
}

Deno.test("maskFor() masks the value of an option or variable, and leaves its name", () => {
  const cases = {
    "--password=pa ss;word": "--password=***",
    "-password=x": "-password=***",
    "--db_password=x": "--db_password=***",
    "API_TOKEN=x y": "API_TOKEN=***",
    "AWS_SECRET_ACCESS_KEY=x": "AWS_SECRET_ACCESS_KEY=***",
    "Authorization: Bearer abc.def": "Authorization: ***",
    "--env=DB_PASSWORD=x": "--env=DB_PASSWORD=***",
    "https://user:pa:ss@example.org/x": "https://user:***@example.org/x",
    '{"user":"u","password":"a\\"b","n":1}': '{"user":"u","password":***,"n":1}',
    "url?token=abc&page=2": "url?token=***&page=2",
  };
  for (const [given, expected] of Object.entries(cases)) {
    assertEquals(masked(given), [expected]);
  }
});

Deno.test("maskFor() masks the argument after an option, unless that is another option", () => {
  assertEquals(masked("--token", "abc", "abc"), ["--token", "***", "abc"]);
  assertEquals(masked("--token", "-abc", "x"), ["--token", "***", "x"]);
  assertEquals(masked("--no-password", "--host=h"), ["--no-password", "--host=h"]);
  assertEquals(masked("--private-key", "-----BEGIN KEY"), ["--private-key", "***"]);
});

Deno.test("maskFor() masks the value of a header, with a blank before it or not", () => {
  for (const option of ["-H", "--header"]) {
    for (const header of ["Authorization:", "Authorization: ", "x-api-key:\t"]) {
      assertEquals(masked(option, `${header}Bearer a b`), [option, `${header}***`]);
    }
    assertEquals(masked(option, "Accept:text/html"), [option, "Accept:text/html"]);
  }
});

Deno.test("maskFor() masks values in a script, and leaves the rest of it", () => {
  const cases = {
    "PASSWORD=abc make all; TOKEN='x y' ./run --token z -v":
      "PASSWORD=*** make all; TOKEN=*** ./run --token *** -v",
    'export DB_PASSWORD="a \\" b"c d': "export DB_PASSWORD=*** d",
    "curl -H 'Authorization: Bearer abc' https://u:p@h/":
      "curl -H 'Authorization: ***' https://u:***@h/",
    'curl -d \'{"token": "a b", "n": 1}\'; echo Authorization: Basic abc; ls':
      'curl -d \'{"token": ***, "n": 1}\'; echo Authorization: *** ls',
    "docker run -e 'TOKEN=a b' -e \"A_SECRET=it's\" image":
      "docker run -e 'TOKEN=***' -e \"A_SECRET=***\" image",
    'A_SECRET="open to the end; of it': "A_SECRET=***",
    "A_SECRET='open to the end; of it": "A_SECRET=***",
  };
  for (const [given, expected] of Object.entries(cases)) {
    assertEquals(masked("-ec", given), ["-ec", expected]);
  }
});

Deno.test("maskFor() leaves what has no secret", () => {
  const args = [
    ...["-c", "the password is missing; token x", "--password-file=/etc/x", "passwords=1"],
    ...[
      "--tokenizer",
      "bpe",
      "secret:latest",
      "PASSWORD=",
      "--user",
      "u",
      "https://h:80/a@b",
      "-p",
    ],
  ];
  assertEquals(masked(...args), args);
});

Deno.test("maskFor() knows the names that it is given, in any case, and no other", () => {
  const ours = maskFor(["pin", "x*y"]);
  const given = ["PIN=1", "--pin=1", "pins=1", "X_1_Y=1", "xyz=1", "password=1", "x.y=1"];
  const expected = [
    "PIN=***",
    "--pin=***",
    "pins=1",
    "X_1_Y=***",
    "xyz=1",
    "password=1",
    "x.y=***",
  ];
  assertEquals(given.map((arg) => ours(arg, undefined)), expected);
  const none = maskFor([]);
  assertEquals(none("https://u:p@h/ password=1", "--token"), "https://u:p@h/ password=1");
});

Deno.test("isNamePattern() accepts names with up to two stars, and not all names", () => {
  for (const text of ["a", "*a", "a*", "*a*", "a*b", "API_KEY", "x.y-z"]) {
    assert(isNamePattern(text), text);
  }
  for (const text of ["", "*", "**", "*a*b*", "a b", "a=b", "(a", "é", "a".repeat(65)]) {
    assert(!isNamePattern(text), text);
  }
});

Deno.test("maskFor() takes no longer for what is made to take long", () => {
  const n = 300_000;
  const hostile = [
    "x".repeat(n),
    "x=".repeat(n / 2),
    'x="'.repeat(n / 3),
    "token='".repeat(n / 7),
    'token="\\'.repeat(n / 8),
    "://a:".repeat(n / 5),
    "-token ".repeat(n / 7),
    "token: bearer ".repeat(n / 14),
    "token " + " ".repeat(n),
    "passwor".repeat(n / 7),
  ];
  const durations = hostile.map((text) => {
    const from = performance.now();
    for (const before of ["-c", undefined]) mask(text, before);
    return performance.now() - from;
  });
  // What is quadratic takes hours.
  assert(Math.max(...durations) < 30_000, durations.join());
});
