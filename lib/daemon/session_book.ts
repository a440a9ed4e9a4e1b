import { randomBytes } from "node:crypto";
import {
  type Session,
  SESSION_MS,
  type SessionChange,
  type SessionList,
  sessionsSchema,
} from "../auth/sessions.ts";
import { failedPrecondition, pathFaultOf } from "../errors.ts";
import { fileInfo } from "../files/file_info.ts";
import { replaceFile } from "../files/replace_file.ts";
import { readTrustedFile } from "../files/trusted_file.ts";
import type { AuditEntry } from "../service/audit.ts";
import { SESSIONS } from "./data_directory.ts";

/** How many there may be, in all and of one user: the oldest makes room. */
const MAX_SESSIONS = 256;
const MAX_PER_USER = 16;

/** More than that many sessions have. */
const MAX_BYTES = 256 * 1024;

/**
 * Who has logged in to the page. The engine has it, in a file that only its user can read, so that it is the same for
 * all gateways and after a restart.
 */
export class SessionBook {
  readonly #path: string;
  readonly #audit: SessionAudit;
  #list: SessionList;
  #changing: Promise<void> = Promise.resolve();

  private constructor(path: string, list: SessionList, audit: SessionAudit) {
    this.#path = path;
    this.#audit = audit;
    this.#list = list;
  }

  /**
   * @param audit writes down who has logged in and out
   * @throws {JobWorkerError} `failed_precondition`, naming the file
   */
  static async open(dataDirectory: string, audit: SessionAudit): Promise<SessionBook> {
    const path = `${dataDirectory}/${SESSIONS}`;
    try {
      const text = await fileInfo(path) === null
        ? JSON.stringify({ key: randomBytes(32).toString("base64"), list: [] })
        : await readTrustedFile(path, { uid: Deno.uid(), maxBytes: MAX_BYTES });
      return new SessionBook(path, sessionsSchema.parse(JSON.parse(text)), audit);
    } catch (error) {
      throw failedPrecondition(
        `Cannot use the sessions in "${path}": ${
          pathFaultOf(error)
        }; move the file away, and everybody logs in again`,
        error,
      );
    }
  }

  /** Those that are open, and what they are signed with. */
  get list(): SessionList {
    return this.#list;
  }

  /**
   * Makes a change, once those before it are made. It holds, also after a power cut, once the promise is fulfilled.
   *
   * @throws the error of the system, or `failed_precondition` for a session that lasts too long; nothing has changed then
   */
  change(change: SessionChange): Promise<void> {
    const made = this.#changing.then(() => this.#change(change));
    this.#changing = made.catch(() => {});
    return made;
  }

  async #change(change: SessionChange): Promise<void> {
    // What a gateway says that somebody has taken over is not to outlive it for longer than any login.
    if (change.kind === "open" && !(change.session.expiresAt <= Date.now() + SESSION_MS)) {
      throw failedPrecondition("Cannot open a session that lasts longer than others");
    }
    const { key } = this.#list;
    const open = this.#list.list.filter(({ expiresAt }) => expiresAt > Date.now());
    const list = change.kind === "close"
      ? open.filter(({ id }) => id !== change.id)
      : withinBounds([...open, change.session]);
    await replaceFile(this.#path, `${JSON.stringify({ key, list })}\n`, { mode: 0o600 });
    const ended = open.find(({ id }) => change.kind === "close" && id === change.id);
    this.#list = { key, list };
    if (change.kind === "open" || ended !== undefined) await this.#audit(entryOf(change, ended));
  }
}

/** Settles once an entry is in the audit trail; see `Audit.write`. */
export type SessionAudit = (entry: AuditEntry) => Promise<void>;

function entryOf(change: SessionChange, ended?: Session): AuditEntry {
  const { kind, by: { roles, peer } } = change;
  // A login is that of the user as whom it lets somebody in, whoever is said to have made it.
  const { user } = kind === "open" ? change.session : change.by;
  return {
    caller: { identity: { user, roles }, fingerprint: "", peer },
    method: kind === "open" ? "login" : "logout",
    ...{ jobId: "", command: null, decision: "allowed", result: "ok" },
    ...(ended !== undefined && { why: `the login of ${ended.user} from ${ended.address}` }),
  };
}

/** The newest of them, which come last. */
function withinBounds(list: SessionList["list"]): SessionList["list"] {
  const { user } = list.at(-1) ?? {};
  const ofUser = list.filter((session) => session.user === user);
  const tooOld = new Set(ofUser.slice(0, -MAX_PER_USER));
  return list.filter((session) => !tooOld.has(session)).slice(-MAX_SESSIONS);
}
