import { delay } from "../../../lib/async/delay.ts";
import { newId } from "../../../lib/ids.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { seeded } from "../../random.ts";
import { MortalDaemon } from "../../recovery/mortal_daemon.ts";
import { temporaryDirectory, until } from "../../worker/fixture.ts";

const random = seeded("queue crash");

const DEATHS = 8;
const JOBS = 12;

/** So that there is always one to wait for. */
const LIMITS = ["--max-running=2", "--max-running-per-user=2", "--max-queued=1000"];

Deno.test("Every job that was queued runs once, or is lost with its executor, whenever the engine is killed", async () => {
  await using certificates = await TestCertificates.create();
  await using directory = await temporaryDirectory();
  const note = `${directory.path}/note`;
  const ran = async () =>
    (await Deno.readTextFile(note).catch(() => "")).split("\n").filter((line) => line !== "");
  const acknowledged: string[] = [];
  let lost: string[] = [];
  /** Queues jobs until the daemon is killed. */
  const queueSome = async (daemon: MortalDaemon, signal: AbortSignal) => {
    await daemon.withClient(async (client) => {
      for (let count = 0; count < JOBS; count++) {
        const { jobId } = await client.startJob({
          command: { name: "sh", args: ["-c", 'echo "$JOB_ID" >>"$0"; sleep 0.03', note] },
          requestId: newId(),
          queue: true,
        }, { signal });
        acknowledged.push(jobId);
      }
    }).catch((error) => assert.ok(signal.aborted, String(error)));
  };
  for (let death = 0; death < DEATHS; death++) {
    await using daemon = await MortalDaemon.start(certificates, directory.path, LIMITS);
    const killed = new AbortController();
    const queued = queueSome(daemon, killed.signal);
    await delay(100 + random() * 500);
    // Without its executor, what ran is lost, and must not run again.
    await daemon.kill({ executor: death % 2 === 1 });
    killed.abort();
    await queued;
  }
  await using daemon = await MortalDaemon.start(certificates, directory.path, LIMITS);
  await daemon.withClient(async (client) => {
    const statuses = ["queued", "running"] as const;
    await until(async () => {
      const { jobs } = await client.listJobs({ filter: { statuses } });
      return jobs.length === 0;
    });
    const { jobs } = await client.listJobs({ filter: { statuses: ["failed", "cancelled"] } });
    assert.deepEqual(jobs.filter(({ end }) => end?.reason !== "lost"), []);
    lost = jobs.map(({ jobId }) => jobId);
  });
  const ids = await ran();
  assert.ok(acknowledged.length > DEATHS, `Only ${acknowledged.length} were queued`);
  assert.deepEqual(ids.toSorted(), [...new Set(ids)].sort(), "Some ran twice");
  const missing = acknowledged.filter((jobId) => !ids.includes(jobId) && !lost.includes(jobId));
  assert.deepEqual(missing, [], "Some did not run");
});
