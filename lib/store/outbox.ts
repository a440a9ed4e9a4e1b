import type { DatabaseSync, StatementSync } from "node:sqlite";
import { WakeUp } from "../async/wake_up.ts";
import { decodeJob } from "../job/decode_job.ts";
import { notificationKey } from "../job/notification.ts";
import type { Job, NotificationState } from "../job/types.ts";

/** The step of the schema that is about it. */
export const OUTBOX_SCHEMA = `
  -- Which webhooks are still to be told of the end of a job, and when next.
  CREATE TABLE notifications (
    job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    host TEXT NOT NULL,
    -- How often it was tried.
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (job_id, url)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX notifications_by_host ON notifications (host, due_at);
`;

/** A webhook that is to be told of the end of a job. */
export interface DueNotification {
  readonly job: Job;
  readonly url: string;
  /** How often that was tried. */
  readonly attempts: number;
}

/** What has come of it: it is over, or is tried again, in milliseconds since the Unix epoch. */
export interface NotificationOutcome {
  readonly jobId: string;
  readonly url: string;
  readonly result: Exclude<NotificationState, "pending"> | { readonly retryAt: number };
}

/** Who is to be told of jobs that have ended: it is noted in the transaction that records the end. */
export class Outbox {
  readonly #hooksOf: (job: Job) => readonly string[];
  /** The hosts with webhooks that are still to be told, and perhaps some without. */
  readonly #hosts: Set<string>;
  readonly #noted = new WakeUp();
  #hasNoted = false;
  readonly #add: StatementSync;
  readonly #next: StatementSync;
  readonly #due: StatementSync;
  readonly #record: StatementSync;
  readonly #postpone: StatementSync;
  readonly #remove: StatementSync;
  readonly #tell: StatementSync;

  /** @param hooksOf the webhooks, as `URL.href` has them, that are told of a job beside its own */
  constructor(database: DatabaseSync, hooksOf: (job: Job) => readonly string[]) {
    this.#hooksOf = hooksOf;
    this.#add = database.prepare(
      "INSERT INTO notifications (job_id, url, host, due_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    );
    this.#next = database.prepare(
      "SELECT due_at FROM notifications WHERE host = ? AND due_at > ? ORDER BY due_at LIMIT 1",
    );
    const hosts = database.prepare("SELECT DISTINCT host FROM notifications").all();
    this.#hosts = new Set(hosts.map(({ host }) => String(host)));
    this.#due = database.prepare(
      `SELECT job_id, url, attempts FROM notifications
       WHERE host = ? AND due_at <= ? ORDER BY due_at LIMIT ?`,
    );
    this.#record = database.prepare("SELECT record FROM jobs WHERE job_id = ?");
    this.#postpone = database.prepare(
      "UPDATE notifications SET attempts = attempts + 1, due_at = ? WHERE job_id = ? AND url = ?",
    );
    this.#remove = database.prepare("DELETE FROM notifications WHERE job_id = ? AND url = ?");
    this.#tell = database.prepare(
      `UPDATE jobs SET record = json_set(record, '$.notify.state', ?)
       WHERE job_id = ? AND json_extract(record, '$.notify.url') = ?`,
    );
  }

  /** Notes who is to be told of a job that has ended, in the transaction that records that. */
  note(job: Job): void {
    const own = job.notify?.state === "pending" ? [job.notify.url] : [];
    for (const url of [...own, ...this.#hooksOf(job)]) {
      const { host } = new URL(url);
      this.#add.run(job.jobId, url, host, job.end?.finishedAt ?? 0);
      this.#hosts.add(host);
      this.#hasNoted = true;
    }
  }

  /** Notes what has come of it, in a transaction. Of a job that has been removed meanwhile there is nothing to note. */
  settle({ jobId, url, result }: NotificationOutcome): void {
    if (typeof result === "object") {
      this.#postpone.run(result.retryAt, jobId, url);
      return;
    }
    this.#remove.run(jobId, url);
    this.#tell.run(result, jobId, url);
  }

  /** Tells those who wait, if what has been committed is for them. */
  committed(): void {
    if (!this.#hasNoted) return;
    this.#hasNoted = false;
    this.#noted.notify();
  }

  /** Settles once there is more to tell. */
  next(): Promise<void> {
    return this.#noted.next();
  }

  /** The hosts with webhooks that are still to be told, as `URL.host` has them. */
  hosts(): string[] {
    for (const host of this.#hosts) {
      if (this.nextDue(host, -1) === null) this.#hosts.delete(host);
    }
    return [...this.#hosts];
  }

  /** When something is due at a host after a time, in milliseconds since the Unix epoch; `null` if nothing is. */
  nextDue(host: string, after: number): number | null {
    const next = this.#next.get(host, after);
    return next === undefined ? null : Number(next.due_at);
  }

  /**
   * What is due at a host, the longest first.
   *
   * @param options.limit at most so many
   * @param options.except what is under way already, as {@linkcode notificationKey} has it
   */
  due(host: string, now: number, { limit, except = new Set() }: {
    readonly limit: number;
    readonly except?: ReadonlySetLike<string>;
  }): DueNotification[] {
    const rows = this.#due.all(host, now, limit + except.size);
    const due = rows.map(({ job_id, url, attempts }) => ({
      jobId: String(job_id),
      url: String(url),
      attempts: Number(attempts),
    })).filter((each) => !except.has(notificationKey(each)));
    return due.slice(0, limit).map(({ jobId, url, attempts }) => ({
      job: decodeJob(String(this.#record.get(jobId)?.record)),
      url,
      attempts,
    }));
  }
}
