/**
 * Where the starts are kept that a hub has accepted and no host has answered for yet.
 *
 * @module
 */

import type { HostSelector } from "../job/host.ts";
import type { Job, JobEnd } from "../job/types.ts";

/** A start that a hub has accepted. */
export interface QueueEntry {
  readonly jobId: string;
  readonly owner: string;
  /** Those with a higher one are first. */
  readonly priority: number;
  /** Where it may run. */
  readonly on: HostSelector;
  /** Whether it waits if no host has room for it. */
  readonly mayWait: boolean;
  /** Whether it is to be run again elsewhere if its host is lost. */
  readonly reruns: boolean;
}

/** One that is about to be added. */
export interface NewEntry extends QueueEntry {
  /** As it is shown until a host has it: queued, without the values of variables. */
  readonly job: Job;
  /** How the owner calls the request; `""` stands for none. */
  readonly requestId: string;
  /** What is to be started and for whom, for nobody to read. */
  readonly sealed: Uint8Array<ArrayBuffer>;
}

/** One that is there. */
export interface StoredEntry extends QueueEntry {
  /** The host that it was given to; `NOWHERE` while it waits. */
  readonly host: string;
  /** What the record of its job and what is sealed take. */
  readonly bytes: number;
  /** Whether that host has said that it has the job. Only what may be run again is kept until it has ended. */
  readonly isAnswered: boolean;
  /** Whether it is for this hub to ask that host. */
  readonly isHere: boolean;
}

/** A host that may have a job. */
export interface Place {
  readonly name: string;
  /** How many jobs it may have at a time. */
  readonly slots: number;
}

/** How many may wait: in all, and of one owner. */
export interface QueueLimits {
  readonly maxQueued: number;
  readonly maxQueuedPerUser: number;
}

/** What has come of a start that was to be added. */
export type Added =
  /** A host that has room was given it, or it waits; it is on the disk. */
  | { readonly kind: "given" | "waiting"; readonly host: string }
  /** The owner has asked for it before. */
  | { readonly kind: "known"; readonly jobId: string }
  /** It would have to wait, and may not. */
  | { readonly kind: "refused" };

/**
 * The starts that wait, and those that a host was given and has not answered. Each method is one transaction, and what
 * it has done survives the process once its promise is fulfilled. A start is at one host at most: it goes elsewhere
 * only if whoever knows says so, and that is the one hub that asks the host.
 */
export interface QueueStore {
  /**
   * Adds a start, and gives it to the first of these hosts that has a free slot.
   *
   * @throws `resource_exhausted` if too many wait, naming the limit; `already_exists` if another job of the owner that
   *   has not ended has its name
   */
  add(
    entry: NewEntry,
    places: readonly Place[],
    limits: QueueLimits,
  ): Promise<Added>;
  get(jobId: string): Promise<StoredEntry | undefined>;
  /** What was sealed; `undefined` if there is no such entry any more. */
  sealed(jobId: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** The job that an owner has started by a request of this name, in the last thirty days. */
  find(owner: string, requestId: string): Promise<string | undefined>;
  /** Those that hosts have been given, answered or not. */
  given(): Promise<StoredEntry[]>;
  /** Takes up those without an answer whose hub is not there any more: this one asks their hosts from now on. */
  adopt(): Promise<StoredEntry[]>;
  /** Which one each job is of those that wait, if nobody is held up; the next one is 1. */
  positions(): Promise<ReadonlyMap<string, number>>;
  /**
   * Gives a host with a free slot the next one that waits: the highest priority first, then owners in turn, then the
   * oldest.
   *
   * @param mayHave whether this host may have those of this owner that are for these hosts
   * @returns `undefined` if there is none, or no slot
   */
  claim(
    place: Place,
    mayHave: (on: HostSelector, owner: string) => boolean,
  ): Promise<StoredEntry | undefined>;
  /**
   * Takes a start back from a host that has said that it does not run there, and gives it to the first of these hosts
   * that has a free slot.
   *
   * @returns the host that has it then; `undefined` if the first one has it no more
   */
  release(jobId: string, from: string, places: readonly Place[]): Promise<string | undefined>;
  /**
   * Takes back what is to run again from a host that is lost.
   *
   * @returns the jobs that wait again
   */
  requeue(host: string): Promise<string[]>;
  /** Changes what waits. @returns whether it does */
  change(job: Job, sealed: Uint8Array<ArrayBuffer>): Promise<boolean>;
  /**
   * Records that a job has ended without any host having it.
   *
   * @param from the host that has to have it; `NOWHERE`: it has to wait
   * @returns the ended job; `undefined` if it is somewhere else by now
   */
  end(jobId: string, from: string, end: JobEnd): Promise<Job | undefined>;
  /** Forgets a start as if it had never been made. @returns whether the host still had it */
  withdraw(jobId: string, from: string): Promise<boolean>;
}
