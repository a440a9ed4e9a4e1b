import { JobWorkerError } from "../../lib/errors.ts";
import { checkCommand } from "../../lib/job/command.ts";
import type { Command } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";

const COMMAND: Command = { name: "true", args: [], env: {}, workingDirectory: "" };

function refusal(part: Partial<Command>): JobWorkerError {
  try {
    checkCommand({ ...COMMAND, ...part });
  } catch (error) {
    if (error instanceof JobWorkerError) return error;
    throw error;
  }
  return assert.fail(`Accepted: ${JSON.stringify(part).slice(0, 200)}`);
}

Deno.test("checkCommand() accepts what execve(2) can pass on", () => {
  const accepted: Partial<Command>[] = [
    {},
    { name: "/bin/a b" },
    { args: ["", " ", "\n", "--", "ü\u{1f600}", "'\"\\$", "\x01"] },
    { env: { A: "", "1-.x y": "a=b\nc", ä: "ö" } },
    { workingDirectory: "/" },
    { workingDirectory: "/with blank/and ü" },
  ];
  for (const part of accepted) checkCommand({ ...COMMAND, ...part });
});

Deno.test("checkCommand() names the field, its value and what is accepted", () => {
  const refused: [Partial<Command>, RegExp][] = [
    [{ name: "" }, /^Invalid command name "": must not be empty$/],
    [{ name: "a\0b" }, /^Invalid command name "a\\u0000b": must not contain NUL/],
    [{ name: "a\nb" }, /^Invalid command name "a\\nb": .* line end$/],
    [{ args: ["ok", "a\0b"] }, /^Invalid argument 2 "a\\u0000b": must not contain NUL$/],
    [{ env: { "": "x" } }, /^Invalid environment variable "": must be a name/],
    [{ env: { "A=B": "x" } }, /^Invalid environment variable "A=B": .* without NUL or =$/],
    [{ env: { "A\0": "x" } }, /^Invalid environment variable "A\\u0000": must be a name/],
    [{ env: { A: "x\0y" } }, /^Invalid environment variable "A" "x\\u0000y": no NUL/],
    [{ workingDirectory: "tmp" }, /^Invalid working directory "tmp": must be an absolute path/],
    [{ workingDirectory: "./" }, /^Invalid working directory ".\/": must be an absolute path/],
    [{ workingDirectory: "/a\0b" }, /^Invalid working directory "\/a\\u0000b": .* NUL/],
    [{ workingDirectory: "/a\nb" }, /^Invalid working directory "\/a\\nb": .* line end$/],
  ];
  for (const [part, message] of refused) {
    const error = refusal(part);
    assert.equal(error.code, "invalid_argument");
    assert.match(error.message, message);
  }
});

Deno.test("checkCommand() shows the beginning of a long value only", () => {
  const { message } = refusal({ args: [`${"a".repeat(10_000)}\0`] });
  assert.ok(message.length < 200, message);
  assert.match(message, /a…"/);
});

Deno.test("checkCommand() accepts the longest argument and variable of execve(2), no byte more", () => {
  const longest = 128 * 1024 - 1;
  checkCommand({ ...COMMAND, args: ["a".repeat(longest)] });
  checkCommand({ ...COMMAND, args: [`${"ü".repeat((longest - 1) / 2)}a`] });
  checkCommand({ ...COMMAND, env: { A: "a".repeat(longest - 2) } });
  const refused: [Partial<Command>, RegExp][] = [
    [{ name: "a".repeat(longest + 1) }, /^Invalid command name .* at most 131072/],
    [{ args: ["a".repeat(longest + 1)] }, /^Invalid argument 1 .*: 131073 bytes .* 131072/],
    [{ args: ["ü".repeat((longest + 1) / 2)] }, /^Invalid argument 1 .*: 131073 bytes/],
    [{ env: { A: "a".repeat(longest - 1) } }, /^Invalid environment variable "A=a.*: 131073 bytes/],
  ];
  for (const [part, message] of refused) {
    const error = refusal(part);
    assert.equal(error.code, "invalid_argument");
    assert.equal(error.reason, "E2BIG");
    assert.match(error.message, message);
  }
});

Deno.test("checkCommand() accepts a name and paths as long as the kernel does, no byte more", () => {
  const path = (bytes: number) => `/${"ü".repeat((bytes - 1) / 2)}`;
  const accepted: Partial<Command>[] = [
    { name: "a".repeat(255) },
    { name: `${"ü".repeat(127)}a` },
    { name: path(4095) },
    { workingDirectory: path(4095) },
    { env: { PATH: ":".repeat(511), OTHER: ":".repeat(1000) } },
    { env: { PATH: `/${"a".repeat(100_000)}` } },
  ];
  for (const part of accepted) checkCommand({ ...COMMAND, ...part });
  const refused: [Partial<Command>, RegExp, string][] = [
    [
      { name: "ü".repeat(128) },
      /^Invalid command name "ü+…": 256 bytes .* 255 .*NAME_MAX/,
      "command.name",
    ],
    [
      { name: path(4097) },
      /^Invalid command name "\/ü+…": 4097 bytes .* 4095 .*PATH_MAX/,
      "command.name",
    ],
    [
      { workingDirectory: path(4097) },
      /^Invalid working directory "\/ü+…": .* 4095 bytes/,
      "command.workingDirectory",
    ],
    [
      { env: { PATH: ":".repeat(512) } },
      /^Invalid environment variable "PATH" ":+…": 513 directories, and at most 512 are searched$/,
      "command.env",
    ],
  ];
  for (const [part, message, field] of refused) {
    const error = refusal(part);
    assert.deepEqual([error.code, error.field], ["invalid_argument", field]);
    assert.match(error.message, message);
  }
});

Deno.test("checkCommand() accepts as much in all as fits into ARG_MAX, no byte more", () => {
  // The kernel counts a final NUL and a pointer for each: "true", 1,000 arguments, a variable.
  const args = Array(1_000).fill("a".repeat(1_991));
  const rest = 2 * 1024 * 1024 - 16 * 1024 - (4 + 9) - 1_000 * (1_991 + 9) - (2 + 9);
  const env = (bytes: number) => ({ A: `\x01ü${"a".repeat(bytes - 3)}` });
  checkCommand({ ...COMMAND, args, env: env(rest) });
  const error = refusal({ args, env: env(rest + 1) });
  assert.deepEqual([error.code, error.reason], ["invalid_argument", "E2BIG"]);
  assert.match(error.message, /^Invalid command: .* take 2080769 bytes, and at most 2080768 are /);
  assert.match(refusal({ args: Array(300_000).fill("") }).message, /take 2700013 bytes/);
});
