import { abortable } from "../async/abortable.ts";
import { delay } from "../async/delay.ts";
import { redacted } from "../job/redacted.ts";
import type { CallContext } from "../service/job_service.ts";
import type { ChangeLog, ChangesPage, ChangesSince } from "../store/change_log.ts";
import type { SqliteStore } from "../store/sqlite_store.ts";

/** How long a host waits for a change before it says how it is all the same. */
const TELL_EVERY_MS = 9_000;

/** How a host is. */
export interface HostFacts {
  /** That of its daemon. */
  readonly version: string;
  readonly running: number;
  readonly queued: number;
  /** The load average over the last minute. */
  readonly load: number;
}

/** The same as a hub keeps it. */
export interface KnownFacts extends HostFacts {
  /** Which host it was, of those that have had its name, see `FleetHost`. */
  readonly member?: string;
}

/** What has changed at a host, and how it is. */
export interface HostChangesPage extends ChangesPage {
  readonly facts: KnownFacts;
}

/** What a hub wants to know. */
export interface ChangesRequest extends ChangesSince {
  /** Whether to answer at once, though nothing has changed: the hub does not know whether the host is there. */
  readonly atOnce: boolean;
}

/** What a hub asks of a host for itself, and not for any client. */
export interface ChangesService {
  /**
   * What has changed since then: at once, or as soon as something has. The variables of jobs have no values there.
   *
   * @throws the reason of the signal
   */
  changes(request: ChangesRequest, context: CallContext): Promise<HostChangesPage>;
}

/** Options of {@linkcode HostChanges}. */
export interface HostChangesOptions {
  readonly version: string;
  readonly load: () => number;
}

/** Tells hubs what changes at this host. */
export class HostChanges implements ChangesService {
  readonly #store: Pick<SqliteStore, "counts">;
  readonly #log: ChangeLog;
  readonly #options: HostChangesOptions;

  constructor(store: Pick<SqliteStore, "counts">, log: ChangeLog, options: HostChangesOptions) {
    this.#store = store;
    this.#log = log;
    this.#options = options;
  }

  async changes(
    { epoch, revision, atOnce }: ChangesRequest,
    { signal }: CallContext,
  ): Promise<HostChangesPage> {
    const changed = this.#log.next();
    let page = this.#log.read({ epoch, revision });
    if (isEmpty(page) && !atOnce) {
      await this.#wait(changed, signal);
      page = this.#log.read({ epoch, revision });
    }
    const { version, load } = this.#options;
    const facts = { version, load: load(), ...await this.#store.counts() };
    return { ...page, jobs: page.jobs.map(redacted), facts };
  }

  async #wait(changed: Promise<void>, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    try {
      await Promise.race([abortable(changed, either), delay(TELL_EVERY_MS, { signal: either })]);
    } finally {
      over.abort();
    }
  }
}

function isEmpty({ isAnew, jobs, removed }: ChangesPage): boolean {
  return !isAnew && jobs.length === 0 && removed.length === 0;
}
