import type { ProcShell } from "./proc_shell.ts";
import { findUser, type SystemUser } from "./users.ts";

/** How long what passwd(5) says of a user counts, in milliseconds: getent(1) costs as much as a third of a start. */
const KNOWN_MS = 1_000;

/** The users of this system, each looked up once for all jobs that are started within a second. */
export class KnownUsers {
  readonly #shell: ProcShell;
  readonly #knownMs: number;
  /** By name; only users that there are. */
  readonly #known = new Map<string, { readonly user: SystemUser; readonly until: number }>();
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
    if (known !== undefined && performance.now() < known.until) return known.user;
    const user = await findUser(name, { shell: this.#shell, ownUid: await this.ownUid() });
    this.#known.set(name, { user, until: performance.now() + this.#knownMs });
    return user;
  }
}
