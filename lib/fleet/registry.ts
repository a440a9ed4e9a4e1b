/**
 * What a hub knows, wherever that is kept.
 *
 * @module
 */

import type { Counts } from "../counts.ts";
import type { JobPage } from "../job/job_store.ts";
import type { StatusCounts } from "../job/status_counts.ts";
import type { Job, JobFilter } from "../job/types.ts";
import type { ChangesSince } from "../store/change_log.ts";
import type { HostChangesPage, KnownFacts } from "./host_changes.ts";
import type { KnownJob } from "./known_job.ts";
import type { QueueStore } from "./queue_store.ts";

/** What a host has last said of itself. */
export interface KnownHost {
  readonly name: string;
  /** When it was heard, in milliseconds since the Unix epoch. */
  readonly heardAt: number;
  readonly facts: KnownFacts;
}

/** What a hub has changed in the registry that it shares with this one. */
export interface Notice {
  readonly hub: string;
  readonly jobs: readonly string[];
  /** Whether one of these may wait for a host. */
  readonly waits: boolean;
}

/**
 * A copy of the records of all hosts, and what a hub has accepted that no host has answered for yet. What a method has
 * done survives the process once its promise is fulfilled.
 */
export interface Registry extends AsyncDisposable {
  /** What waits, or has been given to a host. */
  readonly queue: QueueStore;
  /** Whether other hubs may have it open, too. */
  readonly isShared: boolean;
  /** The greatest id of those in the queue; `""` for none. What hosts tell is not to be relied on. */
  newestId(): Promise<string>;
  /** Up to where the changes of a host are known, for whoever asks it now for those that have come since. */
  since(host: string): Promise<ChangesSince>;
  /**
   * Takes over what a host has told. The same page may come again, also after a later one.
   *
   * @param heardAt milliseconds since the Unix epoch
   */
  apply(host: string, page: HostChangesPage, heardAt: number): Promise<void>;
  /**
   * Forgets what a host has told. What it was given and has not answered for is lost, or waits again.
   *
   * @param member only if it is still this one of those that have had its name
   */
  forget(host: string, member?: string): Promise<void>;
  /**
   * Takes note of a job that a host has just started. If the host has told of it already, only that it has ended may be
   * news.
   */
  started(host: string, job: Job): Promise<void>;
  /**
   * Takes note of the end of a job that a host has told to a client: who knows that it has ended may start the next one
   * of its name, though the host has not told of the end by itself yet.
   */
  ended(host: string, job: Job): Promise<void>;
  /** Forgets jobs of a host. */
  remove(host: string, jobIds: readonly string[]): Promise<void>;
  get(jobId: string): Promise<KnownJob | undefined>;
  /** Newest first, as `JobStore.list()` has them. */
  list(filter: JobFilter, page: JobPage): Promise<KnownJob[]>;
  /** As `JobStore.countByStatus()`. */
  countByStatus(filter: JobFilter): Promise<StatusCounts>;
  /** How many jobs of each host have not ended, including those that it was given and has not answered for. */
  live(): Promise<Counts<string>>;
  /** What it takes on the disk, in bytes. */
  size(): Promise<number>;
  /** The hosts that were ever heard. */
  hosts(): Promise<KnownHost[]>;
}
