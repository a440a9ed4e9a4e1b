/**
 * Sessions without an engine.
 *
 * @module
 */

import type { PasswordEntry } from "../../lib/auth/password_file.ts";
import {
  type SessionChange,
  type SessionList,
  Sessions,
  type SessionUser,
} from "../../lib/auth/sessions.ts";

export const NO_SESSIONS: SessionList = { key: new Uint8Array(32).fill(7).toBase64(), list: [] };

/** An entry of a user, whose password nobody knows. */
export function userOf(user: string, more: Partial<PasswordEntry> = {}): [string, PasswordEntry] {
  return [user, { user, hash: `$2b$12$${"x".repeat(53)}`, roles: ["operator"], ...more }];
}

/** The same as whoever opens or closes a session. */
export function byUser(user: string): SessionUser {
  return { user, roles: ["operator"], peer: "192.0.2.1:5000" };
}

/** What an engine does with changes. */
export function changed({ key, list }: SessionList, change: SessionChange): SessionList {
  const others = list.filter(({ id }) => change.kind === "open" || id !== change.id);
  return { key, list: change.kind === "open" ? [...others, change.session] : others };
}

/** The sessions of these users, all of whose changes are made at once. */
export function sessionsOf(...users: readonly [string, PasswordEntry][]): Sessions {
  let list = NO_SESSIONS;
  const sessions = new Sessions(new Map(users), list, {
    ask: (change) => sessions.update(list = changed(list, change)),
  });
  return sessions;
}
