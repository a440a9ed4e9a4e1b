/**
 * The users of the REST API: an htpasswd file with bcrypt hashes, as Apache's `htpasswd -B` writes
 * it, and the roles of each user in a third field:
 *
 * ```text
 * # name:hash:roles
 * alice:$2y$12$…:admin
 * bob:$2y$12$…:operator,viewer
 * ```
 *
 * Apache and nginx ignore a third field, so the file works for them too. `htpasswd` writes none: such a
 * user is known, but may do nothing until somebody adds roles.
 *
 * @module
 */

import { failedPrecondition, messageOf, pathFaultOf } from "../errors.ts";
import { readTrustedFile } from "../files/trusted_file.ts";
import { type Role, ROLES } from "./identity.ts";

/** A line of the file. */
export interface PasswordEntry {
  readonly user: string;
  /** As bcrypt writes it, `$2b$12$…`. */
  readonly hash: string;
  readonly roles: readonly Role[];
}

/** The users by name. */
export type PasswordFile = ReadonlyMap<string, PasswordEntry>;

/**
 * Reads the file.
 *
 * @returns `null` if there is none
 * @throws {JobWorkerError} `failed_precondition` if it cannot be read, if others than its owner may
 * change it, or if it has an invalid line
 */
export async function loadPasswordFile(path: string): Promise<PasswordFile | null> {
  let text: string;
  try {
    text = await readTrustedFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw failedPrecondition(`Cannot use the users file "${path}": ${pathFaultOf(error)}`, error);
  }
  return parsePasswordFile(text, path);
}

/**
 * Reads the lines of a password file. Blank lines and those that begin with `#` are ignored.
 *
 * @param path for error messages
 * @throws {JobWorkerError} `failed_precondition`, with the number of the line but never its hash
 */
export function parsePasswordFile(text: string, path: string): PasswordFile {
  const entries = new Map<string, PasswordEntry>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    try {
      const entry = parseLine(line);
      if (entries.has(entry.user)) throw new Error(`there already is a user "${entry.user}"`);
      entries.set(entry.user, entry);
    } catch (error) {
      throw failedPrecondition(
        `Cannot use line ${index + 1} of the users file "${path}": ${messageOf(error)}`,
      );
    }
  }
  return entries;
}

/** No spaces, no control or invisible characters, and not the separator of the fields. */
const USER = /^[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}:\ufffd]{1,64}$/u;

/** Whether a password file can hold a user of this name. */
export function isUserName(name: string): boolean {
  return USER.test(name) && !name.startsWith("#");
}

/** The version, the cost as a power of two, and 22 + 31 characters of salt and hash. */
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/** The least that bcrypt allows, and a cost at which it takes a few seconds. */
const MIN_COST = 4;
const MAX_COST = 15;

/** The cost of a hash that {@linkcode parsePasswordFile} has accepted. */
export function costOf(hash: string): number {
  return Number(BCRYPT.exec(hash)?.[1]);
}

function parseLine(line: string): PasswordEntry {
  const [user = "", hash = "", roles = "", ...rest] = line.split(":");
  if (!isUserName(user) || rest.length > 0) throw new Error("expected name:hash:roles");
  const cost = costOf(hash);
  if (!(cost >= MIN_COST && cost <= MAX_COST)) {
    throw new Error(
      `the password of "${user}" must be hashed with bcrypt, at a cost of ${MIN_COST} to ` +
        `${MAX_COST}: use \`htpasswd -B\` or \`worker-daemon user add\``,
    );
  }
  return { user, hash, roles: parseRoles(roles.trim()) };
}

/**
 * Reads roles that are separated by commas.
 *
 * @throws if one of them is unknown
 */
export function parseRoles(text: string): readonly Role[] {
  if (text === "") return [];
  const names = text.split(",");
  const unknown = names.find((name) => !ROLES.some((role) => role === name));
  if (unknown !== undefined) {
    throw new Error(`there is no role ${JSON.stringify(unknown)}: use ${ROLES.join(", ")}`);
  }
  return ROLES.filter((role) => names.includes(role));
}
