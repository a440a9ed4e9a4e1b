import { JobWorkerError } from "../errors.ts";
import { formatSpan } from "../text/duration.ts";
import { HOST_OFFLINE } from "./transport.ts";

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
}

interface Seen {
  /** When it was last heard, in milliseconds since the Unix epoch; `null`: never. */
  heardAt: number | null;
  isOnline: boolean;
  detail: string;
}

/**
 * Knows which hosts are there. A beat only says that somebody is: what a host says of itself comes with the changes
 * of its jobs, signed.
 */
export class Presence implements Disposable {
  readonly #options: PresenceOptions;
  readonly #seen = new Map<string, Seen>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** @param heardAt when it was last heard, by whoever was there before */
  add(host: string, heardAt: number | null): void {
    const detail = heardAt === null ? "it was never heard" : "it has not been heard yet";
    if (!this.#seen.has(host)) this.#seen.set(host, { heardAt, isOnline: false, detail });
  }

  /** From now on nothing is known of it. */
  remove(host: string): void {
    this.#seen.delete(host);
  }

  /** A host has said something. */
  heard(host: string): void {
    const seen = this.#seen.get(host);
    if (seen === undefined) return;
    seen.heardAt = Date.now();
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

  #offline(host: string, { heardAt, detail }: Seen): JobWorkerError {
    const last = heardAt === null ? "" : `, last heard ${formatSpan(Date.now() - heardAt)} ago`;
    const text = `Host "${host}" is offline${last}: ${detail}`;
    return new JobWorkerError("unavailable", text, { reason: HOST_OFFLINE });
  }

  #look(): void {
    const now = Date.now();
    for (const [host, { isOnline, heardAt }] of this.#seen) {
      const silence = now - (heardAt ?? 0);
      if (!isOnline || silence <= OFFLINE_AFTER_MS) continue;
      this.silent(host, `it has said nothing for ${formatSpan(silence)}`);
    }
  }
}
