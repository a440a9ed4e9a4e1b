import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { HostSelector } from "../job/host.ts";
import { nameTaken } from "../job/job_name.ts";
import { queuedJob } from "../job/record_bytes.ts";
import type { Job, JobEnd } from "../job/types.ts";
import { JobRows } from "./job_rows.ts";
import { NOWHERE } from "./known_job.ts";
import type {
  Added,
  NewEntry,
  Place,
  QueueLimits,
  QueueStore,
  StoredEntry,
} from "./queue_store.ts";
import {
  asAdded,
  checkQueueLimits,
  FORGET_EVERY,
  lostWith,
  MAX_ENDED,
  type Queued,
  selectorOf,
  selectorText,
  STARTS_KEPT_MS,
} from "./queue_rules.ts";
import type { Transactions } from "./transactions.ts";

/** The queue of a hub in its registry on SQLite. */
export class SqliteQueue implements QueueStore {
  readonly #transactions: Transactions;
  readonly #rows: JobRows;
  readonly #statements: Statements;
  /** Worked out when somebody asks, and good until something changes. */
  #positions: ReadonlyMap<string, number> | null = null;
  #changes = 0;
  #hasAdopted = false;

  constructor(database: DatabaseSync, transactions: Transactions, rows: JobRows) {
    const prepared = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]);
    this.#transactions = transactions;
    this.#rows = rows;
    this.#statements = Object.fromEntries(prepared);
    this.#forget();
  }

  add(
    entry: NewEntry,
    places: readonly Place[],
    limits: QueueLimits,
  ): Promise<Added> {
    return this.#change(() => {
      const { jobId, owner, priority, on, mayWait, reruns, requestId, job, sealed } = entry;
      const known = this.#statements.find.get(owner, requestId)?.job_id;
      if (requestId !== "" && known !== undefined) return { kind: "known", jobId: String(known) };
      const namesake = job.name === "" ? undefined : this.#rows.findLive(owner, job.name);
      if (namesake !== undefined) throw nameTaken(namesake);
      const host = this.#firstFree(places);
      if (host === NOWHERE && !mayWait) return { kind: "refused" };
      const bytes = sealed.byteLength + queuedJob(job).recordBytes;
      if (host === NOWHERE) {
        const { waiting, waitingOf } = this.#statements;
        const queued = { all: sumOf(waiting.get()), own: sumOf(waitingOf.get(owner)) };
        checkQueueLimits({ owner, bytes }, queued, limits);
      }
      this.#rows.set(host, job);
      this.#rows.choose(jobId, on);
      const { put, putStart } = this.#statements;
      const flags = [Number(mayWait), Number(reruns)];
      put.run(jobId, owner, priority, selectorText(on), host, ...flags, bytes, sealed);
      if (requestId !== "") putStart.run(owner, requestId, jobId, Date.now());
      if (host !== NOWHERE) this.#takeTurn(owner);
      return { kind: host === NOWHERE ? "waiting" : "given", host };
    });
  }

  get(jobId: string): Promise<StoredEntry | undefined> {
    return Promise.try(() => {
      const row = this.#statements.get.get(jobId);
      return row && entryOf(row);
    });
  }

  sealed(jobId: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return Promise.try(() => {
      const sealed = this.#statements.sealed.get(jobId)?.sealed;
      return sealed instanceof Uint8Array ? Uint8Array.from(sealed) : undefined;
    });
  }

  find(owner: string, requestId: string): Promise<string | undefined> {
    return Promise.try(() => {
      const row = this.#statements.find.get(owner, requestId);
      return row === undefined ? undefined : String(row.job_id);
    });
  }

  given(): Promise<StoredEntry[]> {
    return Promise.try(() => this.#statements.given.all().map(entryOf));
  }

  adopt(): Promise<StoredEntry[]> {
    // All that there was before this process.
    const adopted = this.#hasAdopted ? [] : this.given();
    this.#hasAdopted = true;
    return Promise.resolve(adopted).then((all) => all.filter(({ isAnswered }) => !isAnswered));
  }

  positions(): Promise<ReadonlyMap<string, number>> {
    return Promise.try(() => {
      this.#positions ??= new Map(
        this.#statements.inTurn.all().map(({ job_id }, index) => [String(job_id), index + 1]),
      );
      return this.#positions;
    });
  }

  async claim(
    place: Place,
    mayHave: (on: HostSelector, owner: string) => boolean,
  ): Promise<StoredEntry | undefined> {
    if (this.#statements.waits.get() === undefined) return undefined;
    return await this.#change(() => {
      const next = this.#firstFree([place]) === NOWHERE ? undefined : this.#statements.next.all()
        .find(({ selector, owner }) => mayHave(selectorOf(selector), String(owner)));
      if (next === undefined) return undefined;
      const jobId = String(next.job_id);
      this.#give(jobId, place.name);
      this.#takeTurn(String(next.owner));
      return this.#entry(jobId);
    });
  }

  release(jobId: string, from: string, places: readonly Place[]): Promise<string | undefined> {
    return this.#change(() => {
      if (this.#entry(jobId)?.host !== from) return undefined;
      const host = this.#firstFree(places);
      this.#give(jobId, host);
      return host;
    });
  }

  requeue(host: string): Promise<string[]> {
    return this.#change(() => this.#requeue(host));
  }

  change(job: Job, sealed: Uint8Array<ArrayBuffer>): Promise<boolean> {
    return this.#change(() => {
      if (this.#entry(job.jobId)?.host !== NOWHERE) return false;
      this.#rows.set(NOWHERE, job);
      this.#statements.putSealed.run(sealed, job.jobId);
      return true;
    });
  }

  end(jobId: string, from: string, end: JobEnd): Promise<Job | undefined> {
    return this.#change(() => {
      if (this.#entry(jobId)?.host !== from) return undefined;
      return this.#end(jobId, end);
    });
  }

  withdraw(jobId: string, from: string): Promise<boolean> {
    return this.#change(() => {
      if (this.#entry(jobId)?.host !== from) return false;
      this.#statements.remove.run(jobId);
      this.#statements.removeStart.run(jobId);
      this.#rows.remove(from, jobId);
      return true;
    });
  }

  /** Within a transaction: takes note of what a host says of one of its jobs. */
  told(host: string, job: Job): void {
    const { removeTold, answer } = this.#statements;
    if (job.end === null) answer.run(job.jobId, host);
    if (removeTold.run(job.jobId, host, Number(job.end !== null)).changes > 0) this.#changed();
  }

  /** Whether a host was given a job, and has not answered yet. */
  isAsked(host: string, jobId: string): boolean {
    const entry = this.#entry(jobId);
    return entry?.host === host && !entry.isAnswered;
  }

  /** Within a transaction: a host says that it has a job no more. */
  removed(host: string, jobId: string): void {
    if (this.#entry(jobId)?.host === host) this.#statements.remove.run(jobId);
  }

  /** Within a transaction: what a host has told anew is all that it has. */
  removedStale(host: string): void {
    this.#statements.removeStale.run(host);
  }

  /**
   * Within a transaction: a host is not in the fleet any more. What it has not answered for is lost, unless it is to
   * run again.
   */
  lose(host: string): void {
    this.#requeue(host);
    for (const { jobId } of this.#statements.at.all(host).map(entryOf)) {
      this.#end(jobId, lostWith(host));
    }
    this.#changed();
  }

  #requeue(host: string): string[] {
    const lost = this.#statements.at.all(host).map(entryOf).filter(({ reruns }) => reruns);
    for (const { jobId } of lost) this.#give(jobId, NOWHERE);
    return lost.map(({ jobId }) => jobId);
  }

  #entry(jobId: string): StoredEntry | undefined {
    const row = this.#statements.get.get(jobId);
    return row && entryOf(row);
  }

  /** The job is as it was before any host had it. */
  #give(jobId: string, host: string): void {
    const known = this.#rows.get(jobId);
    if (known === undefined) return;
    this.#statements.give.run(host, jobId);
    this.#rows.set(host, asAdded(known.job));
  }

  #end(jobId: string, end: JobEnd): Job | undefined {
    this.#statements.remove.run(jobId);
    const known = this.#rows.get(jobId);
    if (known === undefined) return undefined;
    const ended = { ...known.job, end };
    this.#rows.set(NOWHERE, ended);
    return ended;
  }

  #firstFree(places: readonly Place[]): string {
    return places.find(({ name, slots }) => this.#rows.live.of(name) < slots)?.name ?? NOWHERE;
  }

  #takeTurn(owner: string): void {
    this.#statements.takeTurn.run(owner);
  }

  #changed(): void {
    this.#positions = null;
    if (++this.#changes % FORGET_EVERY === 0) this.#forget();
  }

  #change<T>(act: () => T): Promise<T> {
    return this.#transactions.share(() => {
      this.#changed();
      return act();
    });
  }

  #forget(): void {
    this.#statements.forgetStarts.run(Date.now() - STARTS_KEPT_MS);
    this.#statements.forgetEnded.run(MAX_ENDED);
  }
}

type Row = Readonly<Record<string, unknown>>;

function entryOf(row: Row): StoredEntry {
  return {
    jobId: String(row.job_id),
    owner: String(row.owner),
    priority: Number(row.priority),
    on: selectorOf(row.selector),
    host: String(row.host),
    bytes: Number(row.bytes),
    isAnswered: row.is_answered === 1,
    isHere: true,
    mayWait: row.may_wait === 1,
    reruns: row.reruns === 1,
  };
}

function sumOf(row: Row | undefined): Queued {
  return { count: Number(row?.count), bytes: Number(row?.bytes) };
}

type Statements = Readonly<Record<keyof typeof SQL, StatementSync>>;

const COLUMNS = "job_id, owner, priority, selector, host, is_answered, may_wait, reruns, bytes";
const WAITING = "FROM queue INDEXED BY queue_in_turn WHERE host = ''";

const SQL = {
  put:
    `INSERT INTO queue (job_id, owner, priority, selector, host, is_answered, may_wait, reruns, bytes, sealed)
    VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?)`,
  get: `SELECT ${COLUMNS} FROM queue WHERE job_id = ?`,
  sealed: "SELECT sealed FROM queue WHERE job_id = ?",
  given: `SELECT ${COLUMNS} FROM queue WHERE host <> ''`,
  at: `SELECT ${COLUMNS} FROM queue WHERE host = ?`,
  // For each place and owner only the one that would be first: an owner may have thousands.
  next: `SELECT selector, owner, priority, min(job_id) AS job_id, coalesce(turn, 0) AS turn
    FROM (SELECT selector, owner, priority, job_id ${WAITING}) LEFT JOIN turns USING (owner)
    GROUP BY selector, owner, priority ORDER BY priority DESC, turn, job_id`,
  inTurn: `SELECT job_id FROM (
      SELECT job_id, priority, coalesce(turn, 0) AS turn,
        row_number() OVER (PARTITION BY priority, owner ORDER BY job_id) AS round
      FROM (SELECT owner, priority, job_id ${WAITING}) LEFT JOIN turns USING (owner)
    ) ORDER BY priority DESC, round, turn, job_id`,
  give: "UPDATE queue SET host = ?, is_answered = 0 WHERE job_id = ?",
  answer: "UPDATE queue SET is_answered = 1 WHERE job_id = ? AND host = ? AND reruns = 1",
  removeTold: "DELETE FROM queue WHERE job_id = ? AND host = ? AND (reruns = 0 OR ?)",
  putSealed: "UPDATE queue SET sealed = ? WHERE job_id = ?",
  remove: "DELETE FROM queue WHERE job_id = ?",
  removeStale: `DELETE FROM queue
    WHERE host = ? AND is_answered = 1 AND job_id NOT IN (SELECT job_id FROM jobs)`,
  waits: `SELECT 1 ${WAITING} LIMIT 1`,
  waiting: `SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes ${WAITING}`,
  waitingOf: `SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes ${WAITING} AND owner = ?`,
  takeTurn: `INSERT INTO turns (owner, turn)
    VALUES (?, 1 + (SELECT coalesce(max(turn), 0) FROM turns))
    ON CONFLICT (owner) DO UPDATE SET turn = excluded.turn`,
  find: "SELECT job_id FROM starts WHERE owner = ? AND request_id = ?",
  putStart: "INSERT INTO starts (owner, request_id, job_id, started_at) VALUES (?, ?, ?, ?)",
  removeStart: "DELETE FROM starts WHERE job_id = ?",
  forgetStarts: "DELETE FROM starts WHERE started_at < ?",
  forgetEnded: `DELETE FROM jobs WHERE host = '' AND job_id < (
      SELECT job_id FROM jobs INDEXED BY jobs_by_host
      WHERE host = '' AND job_id NOT IN (SELECT job_id FROM queue)
      ORDER BY job_id DESC LIMIT 1 OFFSET ?
    ) AND job_id NOT IN (SELECT job_id FROM queue)`,
} as const;
