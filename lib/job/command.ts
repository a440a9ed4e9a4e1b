import type { Command } from "./types.ts";
import { JobWorkerError } from "../errors.ts";
import { quoted } from "../text/quoted.ts";

/** MAX_ARG_STRLEN of execve(2): the longest single argument or variable, with its final NUL. */
export const MAX_ARGUMENT_BYTES = 128 * 1024;

/**
 * All arguments and variables together, as execve(2) counts them (ARG_MAX): a quarter of the largest stack,
 * which is usually 8 MiB. 16 KiB of it are left for what a start adds itself.
 */
const MAX_COMMAND_BYTES = 2 * 1024 * 1024 - 16 * 1024;

/** What each argument and variable takes beside its text: a final NUL and a pointer. */
const BYTES_BESIDE_EACH = 9;

/** A part of a {@linkcode Command}, in words and as the field of a request. */
interface Part {
  readonly words: string;
  readonly field: string;
}

const NAME: Part = { words: "command name", field: "command.name" };
const DIRECTORY: Part = { words: "working directory", field: "command.workingDirectory" };
const VARIABLE: Part = { words: "environment variable", field: "command.env" };

/** Throws unless accepted; the message names the part and shows its value. */
function check({ words, field }: Part, value: string, accepted: boolean, rule: string): void {
  if (accepted) return;
  throw new JobWorkerError("invalid_argument", `Invalid ${words} ${quoted(value)}: ${rule}`, {
    field,
  });
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function checkLength({ words, field }: Part, value: string): void {
  // A UTF-16 unit is at most three bytes of UTF-8, so most texts need no encoding to be measured.
  if (value.length * 3 < MAX_ARGUMENT_BYTES) return;
  const length = bytesOf(value) + 1;
  if (length <= MAX_ARGUMENT_BYTES) return;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid ${words} ${quoted(value)}: ${length} bytes long, and the kernel accepts at most ` +
      `${MAX_ARGUMENT_BYTES} (execve(2), MAX_ARG_STRLEN)`,
    { reason: "E2BIG", field },
  );
}

/** Refuses early what the kernel would refuse once the job is recorded. */
function checkWhole({ name, args, env }: Command): void {
  const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  const length = [name, ...args, ...variables].reduce(
    (sum, text) => sum + bytesOf(text) + BYTES_BESIDE_EACH,
    0,
  );
  if (length <= MAX_COMMAND_BYTES) return;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid command: its arguments and variables take ${length} bytes, and at most ` +
      `${MAX_COMMAND_BYTES} are accepted (execve(2), ARG_MAX)`,
    { reason: "E2BIG", field: "command" },
  );
}

/**
 * Refuses what execve(2) could not pass on unchanged.
 *
 * @throws `invalid_argument`, naming the field, its value and what is accepted
 */
export function checkCommand(command: Command): void {
  const { name, args, env, workingDirectory } = command;
  check(NAME, name, name !== "", "must not be empty");
  check(NAME, name, !/[\0\n]/.test(name), "must not contain NUL or a line end");
  checkLength(NAME, name);
  for (const [index, arg] of args.entries()) {
    const part = { words: `argument ${index + 1}`, field: `command.args.${index}` };
    check(part, arg, !arg.includes("\0"), "must not contain NUL");
    checkLength(part, arg);
  }
  for (const [key, value] of Object.entries(env)) {
    const rule = "must be a name without NUL or =";
    check(VARIABLE, key, key !== "" && !/[\0=]/.test(key), rule);
    const named = { ...VARIABLE, words: `${VARIABLE.words} ${quoted(key)}` };
    check(named, value, !value.includes("\0"), "no NUL is accepted");
    checkLength(VARIABLE, `${key}=${value}`);
  }
  check(
    DIRECTORY,
    workingDirectory,
    workingDirectory === "" || /^\/[^\0\n]*$/.test(workingDirectory),
    "must be an absolute path without NUL or a line end",
  );
  checkWhole(command);
}
