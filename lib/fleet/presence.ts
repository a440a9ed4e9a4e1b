import { JobWorkerError } from "../errors.ts";
import { formatSpan } from "../text/duration.ts";
import { HOST_OFFLINE } from "./transport.ts";
import { silent } from "./unanswered.ts";

/** A host that has not been heard for this long is offline: three beats. */
const OFFLINE_AFTER_MS = 15_000;
/** How often to look. */
const LOOK_EVERY_MS = 1_000;

/** Options of {@linkcode Presence}. */
export interface PresenceOptions {
  /** Is told of a host that was there and is not any more. */
  readonly onOffline: (host: string, error: JobWorkerError) => void;
  /** Is told of one that is there again. */
  readonly onOnline: (host: string) => void;
  /** Is told of one whose calls in flight nobody has any more. */
  readonly onReplaced: (host: string, error: JobWorkerError) => void;
  /** A clock that nobody sets, in milliseconds; `performance.now` by default. */
  readonly now?: () => number;
}

interface Seen {
  /** When it was last heard, in milliseconds since the Unix epoch; `null`: never. */
  heardAt: number | null;
  /** The same by the clock that nobody sets. */
  heard: number;
  /** What the last beat said; `null`: there was none. */
  life: string | null;
  isOnline: boolean;
  detail: string;
}

/**
 * Knows which hosts are there. A beat only says that somebody is: what a host says of itself comes with the changes
 * of its jobs, signed.
 */
export class Presence implements Disposable {
  readonly #options: PresenceOptions;
  readonly #now: () => number;
  readonly #seen = new Map<string, Seen>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** @param heardAt when it was last heard, by whoever was there before */
  add(host: string, heardAt: number | null): void {
    const detail = heardAt === null ? "it was never heard" : "it has not been heard yet";
    if (this.#seen.has(host)) return;
    const heard = heardAt === null ? -Infinity : this.#now() - (Date.now() - heardAt);
    this.#seen.set(host, { heardAt, heard, life: null, isOnline: false, detail });
  }

  /** From now on nothing is known of it. */
  remove(host: string): void {
    this.#seen.delete(host);
  }

  /**
   * The agent of a host says that it is there.
   *
   * @param life changes when it cannot answer any more what it was asked before
   */
  beat(host: string, life: string): void {
    const seen = this.#seen.get(host);
    if (seen === undefined) return;
    const isReplaced = seen.life !== null && seen.life !== life;
    seen.life = life;
    if (seen.isOnline) this.heard(host);
    if (isReplaced) this.#options.onReplaced(host, replaced(host));
  }

  /** A host has said something. */
  heard(host: string): void {
    const seen = this.#seen.get(host);
    if (seen === undefined) return;
    seen.heardAt = Date.now();
    seen.heard = this.#now();
    if (seen.isOnline) return;
    seen.isOnline = true;
    seen.detail = "";
    this.#options.onOnline(host);
  }

  /** Nobody answers for a host. */
  silent(host: string, why: string): void {
    const seen = this.#seen.get(host);
    if (seen === undefined) return;
    seen.detail = why;
    if (!seen.isOnline) return;
    seen.isOnline = false;
    this.#options.onOffline(host, this.#offline(host, seen));
  }

  isOnline(host: string): boolean {
    return this.#seen.get(host)?.isOnline ?? false;
  }

  heardAt(host: string): number | null {
    return this.#seen.get(host)?.heardAt ?? null;
  }

  /** Why a host is offline; `""` if it is not. */
  detail(host: string): string {
    return this.#seen.get(host)?.detail ?? "";
  }

  /** @throws `unavailable`, with the reason `HOST_OFFLINE`, unless the host is there */
  check(host: string): void {
    const seen = this.#seen.get(host);
    if (seen !== undefined && !seen.isOnline) throw this.#offline(host, seen);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #offline(host: string, { heardAt, heard, detail }: Seen): JobWorkerError {
    const last = heardAt === null ? "" : `, last heard ${formatSpan(this.#now() - heard)} ago`;
    const text = `Host "${host}" is offline${last}: ${detail}`;
    return new JobWorkerError("unavailable", text, { reason: HOST_OFFLINE });
  }

  #look(): void {
    const now = this.#now();
    for (const [host, { isOnline, heard }] of this.#seen) {
      const silence = now - heard;
      if (!isOnline || silence <= OFFLINE_AFTER_MS) continue;
      this.silent(host, `it has said nothing for ${formatSpan(silence)}`);
    }
  }
}

function replaced(host: string): JobWorkerError {
  return silent(`Host "${host}" had not answered when its agent was replaced, or connected again`);
}
