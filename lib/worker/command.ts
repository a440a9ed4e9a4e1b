import type { Command } from "./types.ts";
import { JobWorkerError } from "../errors.ts";

/** MAX_ARG_STRLEN of execve(2): the longest single argument or variable, with its final NUL. */
export const LONGEST_ARGUMENT = 128 * 1024;

/**
 * All arguments and variables together, as execve(2) counts them: where the stack may have 8 MiB, as it
 * usually may, a quarter of that (ARG_MAX). 16 KiB of it are for what a start adds of its own.
 */
const LONGEST_COMMAND = 2 * 1024 * 1024 - 16 * 1024;

/** Each has a final NUL, and a pointer to it. */
const BYTES_BESIDE_EACH = 9;

/** Checks one field of a {@linkcode Command}; the message names it and shows its value. */
function check(field: string, value: string, accepted: boolean, rule: string): void {
  if (accepted) return;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid ${field} ${shown(value)}: ${rule}`,
  );
}

/** A value as it may stand in a message: quoted, escaped, and cut. */
function shown(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function checkLength(field: string, value: string): void {
  // A UTF-16 unit is at most three bytes of UTF-8, so most texts need no encoding to be measured.
  if (value.length * 3 < LONGEST_ARGUMENT) return;
  const length = bytesOf(value) + 1;
  if (length <= LONGEST_ARGUMENT) return;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid ${field} ${shown(value)}: ${length} bytes long, and the kernel accepts at most ` +
      `${LONGEST_ARGUMENT} (execve(2), MAX_ARG_STRLEN)`,
    { reason: "E2BIG" },
  );
}

/** Refuses here what the kernel would refuse later, when the job is on record. */
function checkWhole({ name, args, env }: Command): void {
  const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  const length = [name, ...args, ...variables].reduce(
    (sum, text) => sum + bytesOf(text) + BYTES_BESIDE_EACH,
    0,
  );
  if (length <= LONGEST_COMMAND) return;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid command: its arguments and variables take ${length} bytes, and at most ` +
      `${LONGEST_COMMAND} are accepted (execve(2), ARG_MAX)`,
    { reason: "E2BIG" },
  );
}

/**
 * Refuses what execve(2) could not pass on as it is written.
 *
 * @throws `invalid_argument`, naming the field, its value and what is accepted
 */
export function checkCommand(command: Command): void {
  const { name, args, env, workingDirectory } = command;
  check("command name", name, name !== "", "must not be empty");
  check("command name", name, !/[\0\n]/.test(name), "must not contain NUL or a line end");
  checkLength("command name", name);
  for (const [index, arg] of args.entries()) {
    check(`argument ${index + 1}`, arg, !arg.includes("\0"), "must not contain NUL");
    checkLength(`argument ${index + 1}`, arg);
  }
  for (const [key, value] of Object.entries(env)) {
    const rule = "must be a name without NUL or =";
    check("environment variable", key, key !== "" && !/[\0=]/.test(key), rule);
    check(`environment variable ${shown(key)}`, value, !value.includes("\0"), "no NUL is accepted");
    checkLength("environment variable", `${key}=${value}`);
  }
  check(
    "working directory",
    workingDirectory,
    workingDirectory === "" || /^\/[^\0\n]*$/.test(workingDirectory),
    "must be an absolute path without NUL or a line end",
  );
  checkWhole(command);
}
