import type { ProcShell } from "./proc_shell.ts";
import { findUser, type SystemUser } from "./users.ts";

/** How long what passwd(5) says of a user counts, in milliseconds: getent(1) costs as much as a third of a start. */
const KNOWN_MS = 1_000;

interface Known {
  readonly user: Promise<SystemUser>;
  /** A time of `performance.now()`. */
  readonly until: number;
}

/** The users of this system, each looked up once for all jobs that are started within a second. */
export class KnownUsers {
  readonly #shell: ProcShell;
  readonly #knownMs: number;
  /** By name, from when they are asked for; not those that cannot be found. */
  readonly #known = new Map<string, Known>();
  #ownUid: number | undefined;

  constructor(shell: ProcShell, { knownMs = KNOWN_MS }: { readonly knownMs?: number } = {}) {
    this.#shell = shell;
    this.#knownMs = knownMs;
  }

  /** Our own user id. */
  async ownUid(): Promise<number> {
    return this.#ownUid ??= Number(await this.#shell.ask("uid"));
  }

  /** As {@linkcode findUser}. */
  async find(name: string): Promise<SystemUser> {
    const known = this.#known.get(name);
    if (known !== undefined && performance.now() < known.until) return await known.user;
    const asked = { user: this.#ask(name), until: performance.now() + this.#knownMs };
    this.#known.set(name, asked);
    try {
      return await asked.user;
    } catch (error) {
      if (this.#known.get(name) === asked) this.#known.delete(name);
      throw error;
    }
  }

  async #ask(name: string): Promise<SystemUser> {
    return await findUser(name, { shell: this.#shell, ownUid: await this.ownUid() });
  }
}
