/**
 * Which user of the system each owner's jobs run as: a file with a line for each owner or role.
 *
 * ```text
 * # Whose jobs       Run as
 * alice              svc-alice
 * "Bob Smith"        svc-bob
 * role:operator      jobs
 * *                  nobody
 * ```
 *
 * @module
 */

import {
  failedPrecondition,
  JobWorkerError,
  messageOf,
  NO_JOB_USER,
  pathFaultOf,
} from "../errors.ts";
import { readTrustedFile } from "../files/trusted_file.ts";
import { USER_NAME } from "../job/execution.ts";
import { quoted } from "../text/quoted.ts";
import { type Identity, isPlainName, ROLES } from "./identity.ts";

/** More than anybody will write by hand, and little enough to be read while others wait. */
const MAX_BYTES = 1024 * 1024;
const MAX_LINES = 10_000;

/** Whose jobs, which may be in quotes, and the user. */
const LINE = /^\s*(?:"([^"]*)"|([^\s"]\S*))\s+(\S+)\s*(?:#.*)?$/;

/** For all whom no other line is about. */
const EVERYBODY = "*";

/** What a line may be about. */
type LineKind = "owner" | "role" | "everybody";

/** What a line says. */
interface Entry {
  readonly user: string;
  /** Its number. */
  readonly line: number;
}

/** Entries by whose jobs they are for, in the order of the file. */
type Entries = Readonly<Record<LineKind, ReadonlyMap<string, Entry>>>;

/** Which user of the system each owner's jobs run as. */
export class JobUserMap {
  readonly #path: string;
  readonly #entries: Entries;

  private constructor(path: string, entries: Entries) {
    this.#path = path;
    this.#entries = entries;
  }

  /**
   * Reads the file.
   *
   * @throws {JobWorkerError} `failed_precondition` if it cannot be read, if others than its owner may change
   * it, or if it has an invalid line
   */
  static async load(path: string): Promise<JobUserMap> {
    try {
      const text = await readTrustedFile(path, { uid: Deno.uid(), maxBytes: MAX_BYTES });
      return JobUserMap.parse(text, path);
    } catch (error) {
      if (error instanceof JobWorkerError) throw error;
      throw failedPrecondition(
        `Cannot use the map of users "${path}": ${pathFaultOf(error)}`,
        error,
      );
    }
  }

  /**
   * @param path for error messages
   * @throws {JobWorkerError} `failed_precondition` with the number of the line, what it says, and what is accepted
   */
  static parse(text: string, path: string): JobUserMap {
    const entries = { owner: new Map(), role: new Map(), everybody: new Map() };
    for (const [index, written] of text.split(/\r?\n/).entries()) {
      if (/^\s*(#|$)/.test(written)) continue;
      const line = index + 1;
      try {
        if (line > MAX_LINES) throw new Error(`there may be ${MAX_LINES} lines`);
        const { kind, name, user } = parseLine(written);
        if (entries[kind].has(name)) throw new Error(`there already is a line for ${quoted(name)}`);
        entries[kind].set(name, { user, line });
      } catch (error) {
        throw lineFault(path, line, messageOf(error));
      }
    }
    return new JobUserMap(path, entries);
  }

  /** The users of the system that it names, each once. */
  get users(): ReadonlySet<string> {
    return new Set(this.#all().map(({ user }) => user));
  }

  /** What is wrong with a user of the system, as an error that names the first line with it. */
  userFault(user: string, why: string): JobWorkerError {
    const { line = 0 } = this.#all().find((entry) => entry.user === user) ?? {};
    return lineFault(this.#path, line, `user ${quoted(user)}: ${why}`);
  }

  /**
   * The user that the jobs of somebody run as: by their name, else by the first line for one of their roles, else
   * as everybody's.
   *
   * @throws {JobWorkerError} `permission_denied` if no line is about them
   */
  userOf({ user, roles }: Identity): string {
    const { owner, role, everybody } = this.#entries;
    const byRole = () => role.entries().find(([name]) => roles.some((own) => own === name))?.[1];
    const found = owner.get(user) ?? byRole() ?? everybody.get(EVERYBODY);
    if (found !== undefined) return found.user;
    throw new JobWorkerError(
      "permission_denied",
      `Cannot run jobs of "${user}": no line of the daemon's --job-user-map "${this.#path}" is about them; ` +
        "ask whoever runs the daemon to add one",
      { reason: NO_JOB_USER },
    );
  }

  /** The users that {@linkcode userOf} may say for an owner, depending on their roles. */
  usersOf(owner: string): readonly string[] {
    const { owner: owners, role, everybody } = this.#entries;
    const own = owners.get(owner);
    const entries = own === undefined ? [...role.values(), ...everybody.values()] : [own];
    return entries.map(({ user }) => user);
  }

  #all(): Entry[] {
    const entries = Object.values(this.#entries).flatMap((kind) => Array.from(kind.values()));
    return entries.sort((one, other) => one.line - other.line);
  }
}

function lineFault(path: string, line: number, why: string): JobWorkerError {
  return failedPrecondition(`Cannot use line ${line} of the map of users "${path}": ${why}`);
}

interface Line {
  readonly kind: LineKind;
  readonly name: string;
  readonly user: string;
}

function parseLine(line: string): Line {
  const [, inQuotes, bare = "", user = ""] = LINE.exec(line) ?? [];
  if (user === "") {
    throw new Error(
      `expected an owner, role:NAME or *, and a user of the system, not ${quoted(line)}; ` +
        'a name with spaces is written in "quotes"',
    );
  }
  if (!USER_NAME.test(user)) throw new Error(`${quoted(user)} is not the name of a user`);
  if (inQuotes === undefined && bare === EVERYBODY) return { kind: "everybody", name: bare, user };
  const role = inQuotes === undefined ? /^role:(.*)$/.exec(bare)?.[1] : undefined;
  if (role !== undefined) {
    if (ROLES.some((known) => known === role)) return { kind: "role", name: role, user };
    throw new Error(`there is no role ${quoted(role)}: use ${ROLES.join(", ")}`);
  }
  const name = inQuotes ?? bare;
  if (!isPlainName(name)) throw new Error(`${quoted(name)} cannot be the name of an owner`);
  return { kind: "owner", name, user };
}
