import bcrypt from "bcryptjs";
import { dirname } from "node:path";
import { JobWorkerError, pathFaultOf } from "../errors.ts";
import { replaceFile } from "../files/replace_file.ts";
import type { Role } from "./identity.ts";
import { isUserName, parsePasswordFile } from "./password_file.ts";

/** About a quarter of a second for one guess. */
const COST = 12;

/** bcrypt looks at no more than so many bytes of UTF-8. */
const MAX_PASSWORD_BYTES = 72;
const SHORTEST_PASSWORD = 8;

/**
 * Gives a user a password and roles, in a file that is made with mode 0600 if it is not there. Every
 * other line stays as it is, and whoever reads the file meanwhile reads the old one or the new one.
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
  if (!isUserName(user)) {
    throw new JobWorkerError(
      "invalid_argument",
      `Cannot use ${JSON.stringify(user)} as the name of a user: give 1 to 64 characters, ` +
        "without spaces and colons",
    );
  }
  checkPassword(password);
  const hash = await bcrypt.hash(password, COST);
  const line = [user, hash, roles.join(",")].join(":");
  try {
    const text = await Deno.readTextFile(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    });
    const isNew = !parsePasswordFile(text, path).has(user);
    const lines = text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
    const edited = isNew
      ? [...lines, line]
      : lines.map((old) => old.startsWith(`${user}:`) ? line : old);
    await replaceFile(path, `${edited.join("\n")}\n`, { mode: 0o600 });
    return isNew;
  } catch (error) {
    if (error instanceof JobWorkerError) throw error;
    // Only the directory: a file that is missing is made.
    const why = error instanceof Deno.errors.NotFound
      ? `there is no directory "${dirname(path)}"; --users FILE says where it is`
      : pathFaultOf(error);
    throw new JobWorkerError(
      "failed_precondition",
      `Cannot change the users file "${path}": ${why}`,
      { cause: error },
    );
  }
}

function checkPassword(password: string): void {
  const bytes = new TextEncoder().encode(password).byteLength;
  if (password.length >= SHORTEST_PASSWORD && bytes <= MAX_PASSWORD_BYTES) return;
  const length = password.length === 1 ? "1 character" : `${password.length} characters`;
  throw new JobWorkerError(
    "invalid_argument",
    `Cannot use a password of ${length}: give at least ${SHORTEST_PASSWORD}, ` +
      `and no more than ${MAX_PASSWORD_BYTES} bytes`,
  );
}
