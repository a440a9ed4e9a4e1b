import bcrypt from "bcryptjs";
import { dirname } from "node:path";
import { failedPrecondition, invalidArgument, JobWorkerError, pathFaultOf } from "../errors.ts";
import { replaceFile } from "../files/replace_file.ts";
import type { Role } from "./identity.ts";
import { isUserName, parsePasswordFile } from "./password_file.ts";

/** One guess takes about a quarter of a second. */
const COST = 12;

/** bcrypt ignores what comes after this many bytes of UTF-8. */
const MAX_PASSWORD_BYTES = 72;
const MIN_PASSWORD_LENGTH = 8;

/**
 * Gives a user a password and roles, and creates the file with mode 0600 if necessary. Every other line
 * stays as it is, and whoever reads the file in the meantime gets either the old one or the new one.
 *
 * @returns whether the user is new
 * @throws {JobWorkerError} `invalid_argument` for a name or password that cannot be used,
 * `failed_precondition` if the file is damaged or cannot be written
 */
export async function setPassword(
  path: string,
  user: string,
  { password, roles }: { password: string; roles: readonly Role[] },
): Promise<boolean> {
  await checkUsersFile(path, user);
  checkPassword(password);
  const hash = await bcrypt.hash(password, COST);
  const line = [user, hash, roles.join(",")].join(":");
  try {
    const text = await readUsers(path);
    const isNew = !parsePasswordFile(text, path).has(user);
    const lines = text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
    const edited = isNew
      ? [...lines, line]
      : lines.map((old) => old.startsWith(`${user}:`) ? line : old);
    await replaceFile(path, `${edited.join("\n")}\n`, { mode: 0o600 });
    return isNew;
  } catch (error) {
    throw cannotChange(path, error);
  }
}

/**
 * Finds out before anybody is asked for a password whether {@linkcode setPassword} could use it.
 *
 * @throws as {@linkcode setPassword} does, except for the password, and for a file that cannot be written
 */
export async function checkUsersFile(path: string, user: string): Promise<void> {
  if (!isUserName(user)) {
    throw invalidArgument(
      `Cannot use ${JSON.stringify(user)} as a user name: it must have 1 to 64 characters, ` +
        "without spaces or colons",
    );
  }
  try {
    parsePasswordFile(await readUsers(path), path);
    await Deno.stat(dirname(path));
  } catch (error) {
    throw cannotChange(path, error);
  }
}

/** The text of the file, which may be missing. */
async function readUsers(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
}

function cannotChange(path: string, error: unknown): JobWorkerError {
  if (error instanceof JobWorkerError) return error;
  // It is the directory that is missing: a missing file would have been created.
  const why = error instanceof Deno.errors.NotFound
    ? `there is no directory "${dirname(path)}"; pass the path of the file with --users FILE`
    : pathFaultOf(error);
  return failedPrecondition(`Cannot change the users file "${path}": ${why}`, error);
}

function checkPassword(password: string): void {
  const bytes = new TextEncoder().encode(password).byteLength;
  if (password.length >= MIN_PASSWORD_LENGTH && bytes <= MAX_PASSWORD_BYTES) return;
  const length = password.length === 1 ? "1 character" : `${password.length} characters`;
  throw invalidArgument(
    `Cannot use a password of ${length}: it must have at least ${MIN_PASSWORD_LENGTH} ` +
      `characters, and at most ${MAX_PASSWORD_BYTES} bytes`,
  );
}
