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
 * Apache and nginx leave a third field alone, so the file works for them too. What `htpasswd` writes
 * has none: such a user is known, and may do nothing until roles are added.
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
 * @throws {JobWorkerError} `failed_precondition` if it cannot be read, may be changed by others than
 * its owner, or has a line that is not understood
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
 * Reads the lines of a password file. Blank ones and those that begin with `#` are passed over.
 *
 * @param path named in errors
 * @throws {JobWorkerError} `failed_precondition`, with the number of the line and never its hash
 */
export function parsePasswordFile(text: string, path: string): PasswordFile {
  const entries = new Map<string, PasswordEntry>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    try {
      const entry = parseLine(line);
      if (entries.has(entry.user)) throw new Error(`the user "${entry.user}" is there already`);
      entries.set(entry.user, entry);
    } catch (error) {
      throw failedPrecondition(
        `Cannot use line ${index + 1} of the users file "${path}": ${messageOf(error)}`,
      );
    }
  }
  return entries;
}

/** No space, control or invisible character, nor what separates the fields. */
const USER = /^[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}:\ufffd]{1,64}$/u;

/** Whether a password file can hold a user of this name. */
export function isUserName(name: string): boolean {
  return USER.test(name) && !name.startsWith("#");
}

/** Version, cost as a power of two, and 22 + 31 characters of salt and hash. */
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/** What bcrypt has at least, and what takes it a few seconds. */
const COSTS = { least: 4, most: 15 };

/** The cost of a hash that {@linkcode parsePasswordFile} has let pass. */
export function costOf(hash: string): number {
  return Number(BCRYPT.exec(hash)?.[1]);
}

function parseLine(line: string): PasswordEntry {
  const [user = "", hash = "", roles = "", ...rest] = line.split(":");
  if (!isUserName(user) || rest.length > 0) throw new Error("expected name:hash:roles");
  const cost = costOf(hash);
  if (!(cost >= COSTS.least && cost <= COSTS.most)) {
    throw new Error(
      `the password of "${user}" must be hashed by bcrypt, with a cost of ${COSTS.least} to ` +
        `${COSTS.most}: use \`htpasswd -B\` or \`worker-daemon user add\``,
    );
  }
  return { user, hash, roles: parseRoles(roles.trim()) };
}

/**
 * Reads roles that are separated by commas.
 *
 * @throws if one of them is not known
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
