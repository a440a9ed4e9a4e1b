import type { DatabaseSync, StatementSync } from "node:sqlite";
import { Counts } from "../counts.ts";
import { decodeJob } from "../job/decode_job.ts";
import { redacted } from "../job/redacted.ts";
import { beganAt, type HostSelector, type Job, LIVE_STATUSES, statusOf } from "../job/types.ts";
import { type KnownJob, knownJob } from "./known_job.ts";

/** The copies of jobs in the registry, each of one host. Whoever changes them has begun a transaction. */
export class JobRows {
  readonly #statements: Statements;
  /** How many jobs of each host have not ended. */
  #live = new Counts<string>();

  constructor(database: DatabaseSync) {
    const prepared = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]);
    this.#statements = Object.fromEntries(prepared);
    this.count();
  }

  /** Counts all of them anew. */
  count(): void {
    this.#live = new Counts();
    for (const { host, count } of this.#statements.countLive.all()) {
      this.#live.add(String(host), Number(count));
    }
  }

  get(jobId: string): KnownJob | undefined {
    const row = this.#statements.find.get(jobId);
    if (row === undefined) return undefined;
    return knownJob(row);
  }

  /** The job of an owner that has a name and has not ended, as far as hosts have told. */
  findLive(owner: string, name: string): Job | undefined {
    const row = this.#statements.namesake.get(name, owner);
    return row && decodeJob(String(row.record));
  }

  /** How many jobs of each host have not ended, including those that are only about to be started there. */
  get live(): Counts<string> {
    return this.#live;
  }

  /**
   * Adds a job, or takes over a newer copy of it.
   *
   * @param revision that of the host's change log; 0 before the job is in there
   * @returns whether anything has changed; no host can say anything of the job of another
   */
  put(host: string, job: Job, revision: number): boolean {
    const { find, put, putLabel } = this.#statements;
    const before = find.get(job.jobId);
    if (before !== undefined && before.host !== host) return false;
    const { changes } = put.run(
      job.jobId,
      host,
      revision,
      job.owner,
      job.name === "" ? null : job.name,
      statusOf(job),
      beganAt(job),
      recordOf(job),
    );
    if (changes === 0) return false;
    for (const [name, value] of Object.entries(job.labels)) putLabel.run(name, value, job.jobId);
    const wasLive = before !== undefined && isLive(String(before.status));
    this.#live.add(host, Number(isLive(statusOf(job))) - Number(wasLive));
    return true;
  }

  /** Writes down what the hub itself says of a job; what a host says of it from now on is newer. */
  set(host: string, job: Job): void {
    const before = this.#statements.find.get(job.jobId);
    if (before !== undefined) {
      this.#statements.free.run(host, job.jobId);
      this.#live.add(String(before.host), -Number(isLive(String(before.status))));
      this.#live.add(host, Number(isLive(String(before.status))));
    }
    this.put(host, job, HUB_REVISION);
  }

  /** Writes down where a job was to run. */
  choose(jobId: string, on: HostSelector): void {
    this.#statements.choose.run(JSON.stringify(on), jobId);
  }

  /**
   * Writes down what a host has told to somebody else: that a job of its own has ended. What it says of the job to us
   * is newer.
   *
   * @returns whether that was news
   */
  end(host: string, job: Job): boolean {
    const record = recordOf(job);
    if (this.#statements.end.run(statusOf(job), record, job.jobId, host).changes === 0) {
      return false;
    }
    this.#live.add(host, -1);
    return true;
  }

  /** @returns whether it was there, as old as that or older */
  remove(host: string, jobId: string, revision = Number.MAX_SAFE_INTEGER): boolean {
    const { find, remove } = this.#statements;
    const before = find.get(jobId);
    if (before === undefined || before.host !== host) return false;
    if (remove.run(jobId, revision).changes === 0) return false;
    this.#live.add(host, -Number(isLive(String(before.status))));
    return true;
  }

  /**
   * What a host tells anew takes the place of all that it told before, but for what it has not answered yet.
   *
   * @param newer jobs of which it may not have known when it was asked
   */
  markStale(host: string, newer: ReadonlySet<string>): void {
    this.#statements.markStale.run(host, JSON.stringify([...newer]));
  }

  removeStale(host: string): void {
    this.#statements.removeStale.run(host);
    this.#recount(host);
  }

  forget(host: string): void {
    this.#statements.forget.run(host);
    this.#recount(host);
  }

  #recount(host: string): void {
    const count = Number(this.#statements.countLiveOf.get(host)?.count);
    this.#live.add(host, count - this.#live.of(host));
  }
}

function recordOf(job: Job): string {
  // How its owner called the request is nobody else's business, and whoever may read this file sees no secret.
  return JSON.stringify({ ...redacted(job), requestId: "" });
}

/** Less than that of any host. */
const HUB_REVISION = -1;

const LIVE: readonly string[] = LIVE_STATUSES;
const LIVE_SQL = LIVE.map((status) => `'${status}'`).join(", ");

function isLive(status: string): boolean {
  return LIVE.includes(status);
}

type Statements = Readonly<Record<keyof typeof SQL, StatementSync>>;

const SQL = {
  find: "SELECT host, status, record, selector FROM jobs WHERE job_id = ?",
  put: `INSERT INTO jobs (job_id, host, revision, owner, name, status, started_at, record)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (job_id) DO UPDATE SET revision = excluded.revision, status = excluded.status,
      started_at = excluded.started_at, record = excluded.record
    WHERE excluded.revision > revision`,
  choose: "UPDATE jobs SET selector = ? WHERE job_id = ?",
  end: `UPDATE jobs SET status = ?, record = ?
    WHERE job_id = ? AND host = ? AND status IN (${LIVE_SQL})`,
  putLabel: "INSERT INTO labels (name, value, job_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  free: `UPDATE jobs SET host = ?, revision = ${HUB_REVISION} - 1 WHERE job_id = ?`,
  namesake: `SELECT record FROM jobs INDEXED BY jobs_by_name
    WHERE name = ? AND owner = ? AND status IN (${LIVE_SQL}) ORDER BY job_id DESC LIMIT 1`,
  remove: "DELETE FROM jobs WHERE job_id = ? AND revision < ?",
  markStale: `UPDATE jobs SET revision = -1
    WHERE host = ? AND job_id NOT IN (SELECT job_id FROM queue WHERE is_answered = 0)
      AND job_id NOT IN (SELECT value FROM json_each(?))`,
  removeStale: `DELETE FROM jobs WHERE host = ? AND revision = -1
    AND job_id NOT IN (SELECT job_id FROM queue WHERE is_answered = 0)`,
  forget: "DELETE FROM jobs WHERE host = ?",
  countLive: `SELECT host, count(*) AS count FROM jobs WHERE status IN (${LIVE_SQL}) GROUP BY host`,
  countLiveOf: `SELECT count(*) AS count FROM jobs WHERE host = ? AND status IN (${LIVE_SQL})`,
} as const;
