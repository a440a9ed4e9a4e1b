/** What docs/fleet.md says to ask the database of hubs. */

import { v7 } from "uuid";
import type { Job } from "../../../lib/job/types.ts";
import { assert } from "../../assert.ts";
import { DONE, job } from "../../executor/job_fixture.ts";
import { ROOT } from "../../programs.ts";
import { postgresTest } from "../../fleet/postgres_server.ts";
import { newEntry } from "../../fleet/queue_entries.ts";
import { askDatabase, createDatabase, openPostgres } from "../../fleet/registries.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;
const FAILED: Job["end"] = { ...DONE, status: "failed", exitStatus: { code: 3 } };

/** The questions, by the sentence above each. */
async function recipes(): Promise<Map<string, string>> {
  const text = await Deno.readTextFile(`${ROOT}docs/fleet.md`);
  const blocks = text.matchAll(/\n([^\n]+)\n\n```sql\n([^]*?)```/g);
  return new Map(blocks.map(([, sentence = "", sql = ""]) => [sentence, sql]));
}

postgresTest("Every question to the database in docs/fleet.md is answered", async () => {
  const url = await createDatabase();
  await using registry = await openPostgres(url);
  const now = Date.now();
  const ended = (end: Job["end"], at: number): Partial<Job> => ({
    startedAt: at - 1_000,
    end: end && { ...end, finishedAt: at },
  });
  const labels = { release: "v1" };
  const jobs = [
    job({ jobId: v7(), labels, ...ended(DONE, now) }),
    job({ jobId: v7(), labels, ...ended(FAILED, now - 10) }),
    job({ jobId: v7(), ...ended(FAILED, now - 3 * DAY_MS) }),
    job({ jobId: v7(), startedAt: now }),
  ];
  const facts = { version: "", running: 1, queued: 0, load: 0 };
  const page = { epoch: "e", revision: 1, isAnew: true, removed: [], hasMore: false, facts };
  await registry.apply("web-1", { ...page, jobs }, now - DAY_MS);
  await registry.queue.add(newEntry(), [], { maxQueued: 9, maxQueuedPerUser: 9 });

  const answers: Record<string, readonly Record<string, unknown>[]> = {};
  for (const [sentence, sql] of await recipes()) {
    answers[sentence] = await askDatabase(url, (database) => database.unsafe(sql));
  }
  const answer = (part: string) => {
    const sentence = Object.keys(answers).find((each) => each.includes(part));
    return answers[sentence ?? assert.fail(`Nothing about ${part}`)] ?? [];
  };
  const byDay = answer("by day");
  const sum = (name: string) => byDay.reduce((all, row) => all + Number(row[name]), 0);
  assert.deepEqual([sum("jobs"), sum("failed")], [5, 2]);
  assert.ok(byDay.length >= 2);
  assert.deepEqual(answer("By host").map(({ host, jobs }) => [host, jobs]), [["web-1", "3"]]);
  const failures = answer("What has failed").map(({ host, command, reason, exit_code, jobs }) => [
    ...[host, command, reason, exit_code, jobs],
  ]);
  assert.deepEqual(failures, [["web-1", jobs[0]?.command.name, "exited", 3, "1"]]);
  const waiting = answer("Who waits").map(({ owner, priority, jobs }) => [owner, priority, jobs]);
  assert.deepEqual(waiting, [["alice", 0, "1"]]);
  const byLabel = answer("label").map(({ release, jobs, failed }) => [release, jobs, failed]);
  assert.deepEqual(byLabel, [["v1", "2", "1"]]);
  assert.deepEqual(answer("no hub has heard").map(({ name }) => name), ["web-1"]);
  assert.equal(Object.keys(answers).length, 6);
});
