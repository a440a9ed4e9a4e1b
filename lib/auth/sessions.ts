/**
 * Logins that last for a while, so that a browser need not keep the password.
 *
 * The engine has the sessions, and tells every gateway of them: see `lib/daemon/session_book.ts`. A gateway opens
 * and closes them by telling the engine, and each takes effect once the engine has said so.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { abortable } from "../async/abortable.ts";
import { JobWorkerError } from "../errors.ts";
import * as z from "../text/zod.ts";
import { type Identity, ROLES } from "./identity.ts";
import type { PasswordFile } from "./password_file.ts";

/** How long a session lasts, in milliseconds: a day of work. */
export const SESSION_MS: number = 12 * 60 * 60_000;

const sessionSchema = z.object({
  /** 128 random bits in hex. It is no secret: without the signature it opens nothing. */
  id: z.string().regex(/^[0-9a-f]{32}$/),
  user: z.string().max(64),
  /** Milliseconds since the Unix epoch. */
  createdAt: z.number(),
  expiresAt: z.number(),
  /** The address that the user logged in from. */
  address: z.string().max(128),
});

export const sessionsSchema = z.object({
  /** What sessions are signed with: 256 bits in base64. */
  key: z.string().length(44),
  list: z.array(sessionSchema).readonly(),
});

/** Somebody who has logged in, until they log out or the time is over. */
export type Session = Readonly<z.infer<typeof sessionSchema>>;

/** All sessions, and what they are signed with. */
export type SessionList = Readonly<z.infer<typeof sessionsSchema>>;

/** Who makes a change, for the audit trail. */
const bySchema = z.object({
  user: z.string().max(64),
  roles: z.array(z.enum(ROLES)).readonly(),
  /** Address and port. */
  peer: z.string().max(128),
});

/** Somebody who opens or closes a session. */
export type SessionUser = Readonly<z.infer<typeof bySchema>>;

/** What a gateway asks of the engine. */
export const sessionChangeSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("open"), session: sessionSchema, by: bySchema }),
  z.object({ kind: z.literal("close"), id: z.string().max(64), by: bySchema }),
]);

export type SessionChange = Readonly<z.infer<typeof sessionChangeSchema>>;

/** Options of {@linkcode Sessions}. */
export interface SessionsOptions {
  /** Tells the engine of a change, which answers by {@linkcode Sessions.update}. */
  readonly ask: (change: SessionChange) => void;
  /** How long the engine may take to write a change down; 10 s by default. */
  readonly changeWithinMs?: number;
}

/** The sessions as a gateway has them. */
export class Sessions {
  readonly #users: PasswordFile;
  readonly #options: SessionsOptions;
  #key: Uint8Array;
  #byId: ReadonlyMap<string, Session>;
  #updated = Promise.withResolvers<void>();

  constructor(users: PasswordFile, list: SessionList, options: SessionsOptions) {
    this.#users = users;
    this.#options = options;
    this.#key = Uint8Array.fromBase64(list.key);
    this.#byId = mapOf(list);
  }

  /** Takes over what the engine has. */
  update(list: SessionList): void {
    this.#key = Uint8Array.fromBase64(list.key);
    this.#byId = mapOf(list);
    this.#updated.resolve();
    this.#updated = Promise.withResolvers();
  }

  /**
   * Opens a session of a user who has just proven who they are.
   *
   * @returns what opens it
   * @throws {JobWorkerError} `unavailable` if the engine does not take it
   */
  async open(by: SessionUser, address: string): Promise<string> {
    const { user } = by;
    const createdAt = Date.now();
    const expiresAt = createdAt + SESSION_MS;
    const id = randomBytes(16).toString("hex");
    const session = { id, user, createdAt, expiresAt, address };
    await this.#change({ kind: "open", session, by }, () => this.#byId.has(id));
    return `${id}.${this.#signature(session)}`;
  }

  /** @throws {JobWorkerError} `unavailable` if the engine does not close it */
  async close(id: string, by: SessionUser): Promise<void> {
    await this.#change({ kind: "close", id, by }, () => !this.#byId.has(id));
  }

  /** The session that a token opens, and whose it is, with the roles that they have now; `null` if it opens none. */
  check(token: string): { readonly session: Session; readonly identity: Identity } | null {
    const [id = "", signature = ""] = token.slice(0, 128).split(".");
    const session = this.#byId.get(id);
    const entry = session && this.#users.get(session.user);
    if (session === undefined || entry === undefined || session.expiresAt <= Date.now()) {
      return null;
    }
    const given = Buffer.from(signature);
    const right = Buffer.from(this.#signature(session));
    if (given.byteLength !== right.byteLength || !timingSafeEqual(given, right)) return null;
    return { session, identity: { user: entry.user, roles: entry.roles } };
  }

  /** Whether a session that was open still is. */
  isOpen({ id, user, expiresAt }: Session): boolean {
    return this.#byId.has(id) && this.#users.has(user) && expiresAt > Date.now();
  }

  /** Those that are open, newest first: of one user, or of all. */
  list(user?: string): readonly Session[] {
    return [...this.#byId.values()]
      .filter((one) => (user === undefined || one.user === user) && one.expiresAt > Date.now())
      .toSorted((a, b) => b.createdAt - a.createdAt);
  }

  /** A password that is changed ends the sessions of its user, since its hash is signed, too. */
  #signature({ id, user, expiresAt }: Session): string {
    const hash = this.#users.get(user)?.hash ?? "";
    return createHmac("sha256", this.#key).update(JSON.stringify([id, user, expiresAt, hash]))
      .digest("base64url");
  }

  async #change(change: SessionChange, isDone: () => boolean): Promise<void> {
    const { ask, changeWithinMs = 10_000 } = this.#options;
    const over = new AbortController();
    const timer = setTimeout(
      () =>
        over.abort(new JobWorkerError("unavailable", "The login cannot be recorded: try again")),
      changeWithinMs,
    );
    try {
      ask(change);
      while (!isDone()) await abortable(this.#updated.promise, over.signal);
    } finally {
      clearTimeout(timer);
    }
  }
}

function mapOf({ list }: SessionList): ReadonlyMap<string, Session> {
  return new Map(list.map((session) => [session.id, session]));
}
