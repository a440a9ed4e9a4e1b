import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { networkOf, sourceOf } from "../net/host_port.ts";
import { Backoff } from "./backoff.ts";
import { BcryptThread } from "./bcrypt_thread.ts";
import { ExpiringSet } from "./expiring_set.ts";
import type { Identity } from "./identity.ts";
import { costOf, type PasswordEntry, type PasswordFile } from "./password_file.ts";

/** A user name and password, not yet checked. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** The result of {@linkcode PasswordLogin.login}. */
export type Login =
  | { readonly kind: "accepted"; readonly identity: Identity }
  /** Unknown user or wrong password; it does not say which. */
  | { readonly kind: "refused" }
  /** There have been too many failures, so the password was not even checked. */
  | { readonly kind: "throttled"; readonly retryAfterMs: number };

/** Options of {@linkcode PasswordLogin}. */
export interface PasswordLoginOptions {
  /** The time in milliseconds of a clock that does not go back; `performance.now` by default. */
  readonly now?: () => number;
  /** Compares a password with a hash; on a thread of its own by default. */
  readonly bcrypt?: Pick<BcryptThread, "matches">;
}

const MINUTE = 60_000;

/** How long a correct password need not be hashed again. */
const PROVEN_MS = MINUTE;
/** How long an address is remembered as one that a user logs in from, and a user as one that has logged in. */
const KNOWN_MS = 24 * 60 * MINUTE;
const MAX_KEYS = 10_000;

const BACKOFF = { firstMs: 1000, forgetMs: 15 * MINUTE, maxKeys: MAX_KEYS };

/**
 * Decides who somebody is by a user name and a password.
 *
 * It slows down guessing per address, and per user across all addresses, so that neither many users nor
 * many addresses help. For an address from which a user has recently logged in, it counts that user's
 * failures separately: strangers who guess cannot lock users out at addresses where they are known,
 * and delay them only by seconds elsewhere.
 *
 * Nor can they fill the queue in front of bcrypt: it keeps places for addresses from which somebody has recently
 * logged in, and for passwords that were right before. A name alone is no reason to, or a full queue would tell
 * strangers which users exist.
 */
export class PasswordLogin implements Disposable {
  readonly #users: PasswordFile;
  readonly #now: () => number;
  readonly #bcrypt: Pick<BcryptThread, "matches">;
  readonly #resources = new DisposableStack();
  /** The highest cost of any hash. */
  readonly #cost: number;
  /** Known to this process only, so that the digests below are worthless elsewhere. */
  readonly #key = randomBytes(32);

  readonly #byAddress = new Backoff({ ...BACKOFF, free: 5, maxMs: 5 * MINUTE });
  readonly #byUser = new Backoff({ ...BACKOFF, free: 20, maxMs: 10_000 });
  readonly #byKnownAddress = new Backoff({ ...BACKOFF, free: 5, maxMs: MINUTE });
  /** By user: the digest of the last correct password, and when it was compared or given again. */
  readonly #proven = new Map<string, { readonly digest: Buffer; readonly at: number }>();
  /** Digests of user and address. */
  readonly #known = new ExpiringSet({ keptMs: KNOWN_MS, maxKeys: MAX_KEYS });
  /** Addresses, whoever it was that logged in from there. */
  readonly #knownSources = new ExpiringSet({ keptMs: KNOWN_MS, maxKeys: MAX_KEYS });
  /** Attempts in progress. The same one again, as browsers send it, does not count as another. */
  readonly #pending = new Map<string, Promise<Login>>();

  constructor(users: PasswordFile, options: PasswordLoginOptions = {}) {
    this.#users = users;
    this.#now = options.now ?? (() => performance.now());
    this.#bcrypt = options.bcrypt ?? this.#resources.use(new BcryptThread());
    this.#cost = Math.max(4, ...Array.from(users.values(), ({ hash }) => costOf(hash)));
  }

  /**
   * @param address the IP address that it comes from
   * @throws {JobWorkerError} `unavailable` if too many logins are in progress
   */
  async login(credentials: Credentials, address: string): Promise<Login> {
    // There is nothing to guess.
    if (this.#users.size === 0) return { kind: "refused" };
    const source = sourceOf(address);
    const digest = this.#digest(credentials.user, credentials.password);
    const attempt = `${digest.toString("base64")} ${source}`;
    const pending = this.#pending.get(attempt);
    if (pending !== undefined) return await pending;
    const login = this.#login(credentials, digest, address);
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

  async #login({ user, password }: Credentials, digest: Buffer, address: string): Promise<Login> {
    const now = this.#now();
    const source = sourceOf(address);
    const known = this.#digest(user, source).toString("base64");
    const counts = this.#countsOf(user, source, known, now);
    const retryAfterMs = Math.max(...counts.map(([backoff, key]) => backoff.waitMs(key, now)));
    // Before everything else, or the answer would reveal a correct password.
    if (retryAfterMs > 0) return { kind: "throttled", retryAfterMs };

    const entry = this.#users.get(user);
    for (const [backoff, key] of counts) backoff.fail(key, now);
    const isKnown = this.#knownSources.has(source, now) ||
      this.#isProven(user, digest, now - KNOWN_MS);
    const applicant = { isKnown, network: networkOf(address) };
    const matches = this.#isProven(user, digest, now - PROVEN_MS) ||
      await this.#bcrypt.matches(password, this.#hashesFor(entry), applicant).catch((error) => {
        for (const [backoff, key] of counts) backoff.forgive(key, now);
        throw error;
      });
    if (entry === undefined || !matches) return { kind: "refused" };

    for (const [backoff, key] of counts) backoff.forgive(key, now);
    this.#proven.set(user, { digest, at: now });
    this.#known.add(known, now);
    this.#knownSources.add(source, now);
    return { kind: "accepted", identity: { user, roles: entry.roles } };
  }

  /**
   * The hash of a user, and fake hashes to compare a wrong password with afterwards, so that every failure
   * takes as long as with the highest cost: the time must not reveal which users exist. Each step of a
   * bcrypt cost doubles the time, so a hash of cost 5 and fakes of 5, 6 and 7 take as long as one of 8.
   */
  #hashesFor(entry: PasswordEntry | undefined): string[] {
    if (entry === undefined) return [fakeHash(this.#cost)];
    const cost = costOf(entry.hash);
    const fakes = Array.from({ length: this.#cost - cost }, (_, step) => fakeHash(cost + step));
    return [entry.hash, ...fakes];
  }

  /** The counters for a failure, each with its key. */
  #countsOf(user: string, source: string, known: string, now: number): [Backoff, string][] {
    if (this.#known.has(known, now)) return [[this.#byKnownAddress, known]];
    // The caller chooses the name, which may be long.
    return [[this.#byAddress, source], [this.#byUser, this.#digest(user).toString("base64")]];
  }

  /** Whether this was the last correct password of that user, and was so after that time. */
  #isProven(user: string, digest: Buffer, after: number): boolean {
    const proven = this.#proven.get(user);
    return proven !== undefined && proven.at > after && timingSafeEqual(proven.digest, digest);
  }

  #digest(...parts: readonly string[]): Buffer {
    return createHmac("sha256", this.#key).update(JSON.stringify(parts)).digest();
  }
}

/** A hash that no password matches. */
function fakeHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, "0")}$${".".repeat(53)}`;
}
