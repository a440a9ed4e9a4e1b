import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { networkOf } from "../net/host_port.ts";
import { Backoff } from "./backoff.ts";
import { BcryptThread } from "./bcrypt_thread.ts";
import { BoundedMap } from "./bounded_map.ts";
import type { Identity } from "./identity.ts";
import { costOf, type PasswordEntry, type PasswordFile } from "./password_file.ts";

/** What somebody says of themselves. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** What {@linkcode PasswordLogin.login} makes of it. */
export type Login =
  | { readonly kind: "accepted"; readonly identity: Identity }
  /** Unknown user or wrong password: which of them is not told. */
  | { readonly kind: "refused" }
  /** There were too many failures: it was not even tried. */
  | { readonly kind: "throttled"; readonly retryAfterMs: number };

/** Options of {@linkcode PasswordLogin}. */
export interface PasswordLoginOptions {
  /** Milliseconds of a clock that does not go back; `performance.now` by default. */
  readonly now?: () => number;
  /** Compares a password with a hash; on a thread of its own by default. */
  readonly bcrypt?: Pick<BcryptThread, "matches">;
}

const MINUTE = 60_000;

/** For how long a password that was right need not be hashed again. */
const PROVEN_MS = MINUTE;
/** For how long an address is known as one that a user logs in from. */
const KNOWN_MS = 24 * 60 * MINUTE;
const MAX_KEYS = 10_000;

const BACKOFF = { firstMs: 1000, forgetMs: 15 * MINUTE, maxKeys: MAX_KEYS };

/**
 * Decides who somebody is by a name and a password.
 *
 * Guessing is slowed down by address, and by user across all addresses, so that neither many users
 * nor many addresses are a way round. An address from which a user has lately logged in is counted
 * for that user alone: strangers who guess cannot lock out who is known there, and from an address
 * that nobody has seen they delay a user by seconds only.
 */
export class PasswordLogin implements Disposable {
  readonly #users: PasswordFile;
  readonly #now: () => number;
  readonly #bcrypt: Pick<BcryptThread, "matches">;
  readonly #resources = new DisposableStack();
  /** The cost of the costliest hash there is. */
  readonly #cost: number;
  /** Of this process alone, so that what is kept below is worth nothing elsewhere. */
  readonly #key = randomBytes(32);

  readonly #byAddress = new Backoff({ ...BACKOFF, free: 5, maxMs: 5 * MINUTE });
  readonly #byUser = new Backoff({ ...BACKOFF, free: 20, maxMs: 10_000 });
  readonly #byKnownAddress = new Backoff({ ...BACKOFF, free: 5, maxMs: MINUTE });
  /** By user: the digest of a password that was right, until when. */
  readonly #proven = new Map<string, { readonly digest: Buffer; readonly until: number }>();
  /** By digest of user and address, until when. */
  readonly #known = new BoundedMap<string, number>(MAX_KEYS);
  /** The tries that are under way: the same one again, as a browser sends it, is not another. */
  readonly #pending = new Map<string, Promise<Login>>();

  constructor(users: PasswordFile, options: PasswordLoginOptions = {}) {
    this.#users = users;
    this.#now = options.now ?? (() => performance.now());
    this.#bcrypt = options.bcrypt ?? this.#resources.use(new BcryptThread());
    this.#cost = Math.max(4, ...Array.from(users.values(), ({ hash }) => costOf(hash)));
  }

  /**
   * @param address the IP address that it comes from
   * @throws {JobWorkerError} `unavailable` if too many are being tried
   */
  async login(credentials: Credentials, address: string): Promise<Login> {
    // Nothing to guess.
    if (this.#users.size === 0) return { kind: "refused" };
    const source = networkOf(address);
    const digest = this.#digest(credentials.user, credentials.password);
    const attempt = `${digest.toString("base64")} ${source}`;
    const pending = this.#pending.get(attempt);
    if (pending !== undefined) return await pending;
    const login = this.#login(credentials, digest, source);
    this.#pending.set(attempt, login);
    try {
      return await login;
    } finally {
      this.#pending.delete(attempt);
    }
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }

  async #login({ user, password }: Credentials, digest: Buffer, source: string): Promise<Login> {
    const now = this.#now();
    const known = this.#digest(user, source).toString("base64");
    const counts = this.#countsOf(user, source, known, now);
    const retryAfterMs = Math.max(...counts.map(([backoff, key]) => backoff.waitMs(key, now)));
    // Ahead of everything else, or a right password would still show.
    if (retryAfterMs > 0) return { kind: "throttled", retryAfterMs };

    const entry = this.#users.get(user);
    for (const [backoff, key] of counts) backoff.fail(key, now);
    const matches = this.#isProven(user, digest, now) ||
      await this.#bcrypt.matches(password, this.#hashesFor(entry)).catch((error) => {
        for (const [backoff, key] of counts) backoff.forgive(key, now);
        throw error;
      });
    if (entry === undefined || !matches) return { kind: "refused" };

    for (const [backoff, key] of counts) backoff.forgive(key, now);
    this.#proven.set(user, { digest, until: now + PROVEN_MS });
    this.#known.set(known, now + KNOWN_MS);
    return { kind: "accepted", identity: { user, roles: entry.roles } };
  }

  /**
   * The hash of a user, and what a wrong password is compared with after it, so that everybody costs as
   * much as the costliest: who there is must not show by the time. Each step of a bcrypt cost doubles
   * it, so that after one of 5, fakes of 5, 6 and 7 make it one of 8.
   */
  #hashesFor(entry: PasswordEntry | undefined): string[] {
    if (entry === undefined) return [fakeHash(this.#cost)];
    const cost = costOf(entry.hash);
    const fakes = Array.from({ length: this.#cost - cost }, (_, step) => fakeHash(cost + step));
    return [entry.hash, ...fakes];
  }

  /** Where a failure counts. */
  #countsOf(user: string, source: string, known: string, now: number): [Backoff, string][] {
    if ((this.#known.get(known) ?? 0) > now) return [[this.#byKnownAddress, known]];
    // A name may be long, and is chosen by whoever tries.
    return [[this.#byAddress, source], [this.#byUser, this.#digest(user).toString("base64")]];
  }

  #isProven(user: string, digest: Buffer, now: number): boolean {
    const proven = this.#proven.get(user);
    return proven !== undefined && now < proven.until && timingSafeEqual(proven.digest, digest);
  }

  #digest(...parts: readonly string[]): Buffer {
    return createHmac("sha256", this.#key).update(JSON.stringify(parts)).digest();
  }
}

/** A hash that nothing matches. */
function fakeHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, "0")}$${".".repeat(53)}`;
}
