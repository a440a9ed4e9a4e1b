import type { Command } from "./types.ts";
import { JobWorkerError } from "../errors.ts";

/** MAX_ARG_STRLEN of execve(2): the longest single argument or variable, with its final NUL. */
const LONGEST_ARGUMENT = 128 * 1024;

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

function checkLength(field: string, value: string): void {
  // A UTF-16 unit is at most three bytes of UTF-8, so most texts need no encoding to be measured.
  if (value.length * 3 < LONGEST_ARGUMENT) return;
  const length = new TextEncoder().encode(value).length + 1;
  if (length <= LONGEST_ARGUMENT) return;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid ${field} ${shown(value)}: ${length} bytes long, and the kernel accepts at most ` +
      `${LONGEST_ARGUMENT} (execve(2), MAX_ARG_STRLEN)`,
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
}
