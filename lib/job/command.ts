import { Buffer } from "node:buffer";
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

/**
 * The most arguments. Even empty ones take room of their own at each step of a start; a job that works on more
 * files than this is given their names in a file, or in several jobs, as by xargs(1).
 */
export const MAX_ARGUMENTS = 131_072;

/** Stands for the value of a variable that is not told. */
export const HIDDEN = "***";

/** The most environment variables. */
export const MAX_VARIABLES = 4_096;

/** NAME_MAX of limits.h(0p): the longest name in a directory, in bytes. No longer name is looked up in `PATH`. */
export const MAX_NAME_BYTES = 255;

/** PATH_MAX of limits.h(0p), without the final NUL: the longest path that the kernel takes, in bytes. */
export const MAX_PATH_BYTES = 4_095;

/** The most directories in the variable `PATH`: the program is looked up in each of them. */
export const MAX_PATH_DIRECTORIES = 512;

/** What the kernel counts for each argument and variable beside its text and final NUL. */
const POINTER_BYTES = 8;

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

function checkLength({ words, field }: Part, value: string): void {
  // A UTF-16 unit is at most three bytes of UTF-8, so most texts need no encoding to be measured.
  if (value.length * 3 < MAX_ARGUMENT_BYTES) return;
  const length = Buffer.byteLength(value) + 1;
  if (length <= MAX_ARGUMENT_BYTES) return;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid ${words} ${quoted(value)}: ${length} bytes long, and the kernel accepts at most ` +
      `${MAX_ARGUMENT_BYTES} (execve(2), MAX_ARG_STRLEN)`,
    { reason: "E2BIG", field },
  );
}

/** A path, or a name that is looked up in each directory of `PATH`. */
function checkProgram({ name, env }: Command): void {
  const isPath = name.includes("/");
  const most = isPath ? MAX_PATH_BYTES : MAX_NAME_BYTES;
  const kind = isPath ? "a path may have (PATH_MAX)" : "a name without a slash may have (NAME_MAX)";
  const length = Buffer.byteLength(name);
  check(NAME, name, length <= most, `${length} bytes long, and ${most} are the most that ${kind}`);
  const directories = countOf(":", env.PATH ?? "") + 1;
  if (directories <= MAX_PATH_DIRECTORIES) return;
  const rule = `${directories} directories, and at most ${MAX_PATH_DIRECTORIES} are searched`;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid environment variable "PATH" ${quoted(env.PATH)}: ${rule}`,
    { field: VARIABLE.field },
  );
}

function countOf(character: string, text: string): number {
  let count = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) count++;
  return count;
}

/** Refuses early what the kernel would refuse once the job is recorded. */
function checkWhole({ name, args, env }: Command): void {
  const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  const texts = [name, ...args, ...variables];
  // To measure them one by one would take ten times as long.
  const length = Buffer.byteLength(`${texts.join("\0")}\0`) + texts.length * POINTER_BYTES;
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
  checkProgram(command);
  for (const [index, arg] of args.entries()) {
    // As nearly all are.
    if (!arg.includes("\0") && arg.length * 3 < MAX_ARGUMENT_BYTES) continue;
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
  check(
    DIRECTORY,
    workingDirectory,
    Buffer.byteLength(workingDirectory) <= MAX_PATH_BYTES,
    `must have at most ${MAX_PATH_BYTES} bytes (PATH_MAX)`,
  );
  checkWhole(command);
}
