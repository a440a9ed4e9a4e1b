import type { Job, JobWorkerClient } from "../../../lib/grpc/client.ts";
import { newId } from "../../../lib/ids.ts";
import { SqliteStore } from "../../../lib/store/sqlite_store.ts";
import { statusOf } from "../../../lib/job/types.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import type { TestProcess } from "../../end_to_end/process.ts";
import {
  allProcesses,
  cgroupsOf,
  processStat,
  temporaryDirectory,
  textOf,
  until,
} from "../../worker/fixture.ts";
import { job } from "../../executor/job_fixture.ts";
import {
  assertNoStrayLogs,
  assertNothingRuns,
  assertPrinted,
  outputOnDisk,
  PRINTER,
  SESSION_LEAVER,
  stranger,
} from "../../recovery/fixture.ts";
import { MortalDaemon } from "../../recovery/mortal_daemon.ts";
import { seeded } from "../../random.ts";

const random = seeded("daemon crash");

const DEATHS = 20;

/** How many jobs there are in each round. */
const JOBS = 50;

/** What the jobs of a round do, in turn, and what is done with them. */
const KINDS = [
  { script: PRINTER, then: "leave" },
  { script: SESSION_LEAVER, then: "leave" },
  { script: "echo short", then: "wait" },
  { script: PRINTER, then: "stop" },
  { script: "exec sleep 1000", then: "leave" },
] as const;

/** The label of a job whose process has gone, and whose process id somebody else has got. */
const NOTHING = "nothing";

/** How much there is to be told in a round: every start, and the end of two kinds. */
const MAX_TOLD = JOBS + 2 * JOBS / KINDS.length;

/** What clients were told before the daemon died. */
interface Told {
  /** By request id. */
  readonly started: Map<string, Job>;
  /** By job id. */
  readonly ended: Map<string, Job>;
  /** What a follower has got of the first job's output. */
  followed: string;
  /** What processes the daemon had. */
  readonly children: readonly number[];
}

const START = { kind: "offset", offset: 0 } as const;

async function start(
  client: JobWorkerClient,
  requestId: string,
  { script, then }: { readonly script: string; readonly then: string },
  signal = new AbortController().signal,
): Promise<Job> {
  const command = { name: "sh", args: ["-c", script], env: {}, workingDirectory: "/" };
  return await client.startJob({ command, labels: { then }, requestId }, { signal });
}

/**
 * Starts jobs, waits for some and stops others, all at once, and kills engine and executor when its clients
 * have been told so much.
 */
async function useAndKill(
  daemon: MortalDaemon,
  round: number,
  enough: number,
  beforeTheEnd: (told: Told) => Promise<void>,
): Promise<Told> {
  return await daemon.withClient(async (client) => {
    const told = { started: new Map(), ended: new Map(), followed: "", children: [] as number[] };
    const dead = new AbortController();
    const reached = Promise.withResolvers<void>();
    let dying = false;
    const tell = () => {
      if (told.started.size + told.ended.size >= enough) reached.resolve();
    };
    const follow = async (jobId: string, signal: AbortSignal) => {
      const request = { jobId, streams: [], follow: true, start: START };
      for await (const { records } of client.streamLogs(request, { signal })) {
        told.followed += textOf(records);
      }
    };
    const useOne = async (index: number) => {
      const kind = KINDS[index % KINDS.length] ?? KINDS[0];
      const requestId = `${round} ${index}`;
      const { signal } = dead;
      try {
        const started = await start(client, requestId, kind, signal);
        const { jobId } = started;
        told.started.set(requestId, started);
        tell();
        if (index === 0) await follow(jobId, signal);
        if (kind.then === "leave") return;
        const ended = kind.then === "wait"
          ? await client.waitJob({ jobId }, { signal })
          : await client.stopJob({ jobId, stopSignal: "", gracePeriodMs: null }, { signal });
        told.ended.set(jobId, ended);
        tell();
      } catch (error) {
        if (!dying) reached.reject(error);
      }
    };
    const used = Array.from({ length: JOBS }, (_, index) => useOne(index));
    tell();
    await reached.promise;
    await beforeTheEnd(told);
    dying = true;
    told.children.push(...await daemon.kill({ executor: true }));
    // Otherwise the clients would try again.
    dead.abort();
    await Promise.all(used);
    return told;
  });
}

async function listAll(client: JobWorkerClient): Promise<Job[]> {
  const jobs: Job[] = [];
  let pageToken = "";
  do {
    const page = await client.listJobs({ filter: {}, pageSize: 20, pageToken });
    jobs.push(...page.jobs);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return jobs;
}

/** The jobs, if all is as the daemon that died has told, and nothing of it is left but that. */
async function settledJobs(
  client: JobWorkerClient,
  told: Told,
  before: readonly Job[],
): Promise<Job[]> {
  const jobs = await listAll(client);
  const byId = new Map(jobs.map((job) => [job.jobId, job]));
  for (const { jobId, pid } of told.started.values()) assert.equal(byId.get(jobId)?.pid, pid);
  for (const job of [...told.ended.values(), ...before]) {
    assert.deepEqual(byId.get(job.jobId), job, "What has ended does not change");
  }
  const known = new Set(before.map(({ jobId }) => jobId));
  const fresh = jobs.filter(({ jobId }) => !known.has(jobId));
  for (const { end, outputTruncated, labels: { then } } of fresh) {
    assert.ok(end !== null, "Nothing runs for ever");
    if (end.reason === "lost") {
      assert.deepEqual([end.status, end.exitStatus, outputTruncated], ["failed", null, true]);
    } else if (end.reason === "exited") {
      assert.deepEqual([end.status, end.exitStatus, then], ["done", { code: 0 }, "wait"]);
    } else assert.deepEqual([end.status, end.reason, then], ["cancelled", "stopped", "stop"]);
  }
  await assertNothingRuns(fresh.filter(({ labels: { then } }) => then !== NOTHING));
  assert.deepEqual(await cgroupsOf(fresh), []);
  const isLeft = new Set(told.children);
  await until(async () =>
    !(await allProcesses()).some(({ pid, state }) => isLeft.has(pid) && state !== "Z")
  );
  return jobs;
}

/** The log of an ended job, of which nothing may be missing that is on the disk. */
async function checkLog(client: JobWorkerClient, job: Job, logs: string): Promise<string> {
  const request = { jobId: job.jobId, streams: [], follow: true, start: START };
  const batches = await Array.fromAsync(client.streamLogs(request));
  assert.deepEqual(batches.at(-1)?.finishedJob, job);
  const text = textOf(batches.flatMap(({ records }) => records));
  assert.equal(text, await outputOnDisk(`${logs}/${job.jobId}`));
  assert.equal(text.length, job.stdoutBytes + job.stderrBytes);
  if (job.command.args[1]?.includes("line")) assertPrinted(text);
  return text;
}

/** Takes from the end of a log what a machine that stops may not have written. */
async function tear(directory: string): Promise<void> {
  if (await outputOnDisk(directory) === "") return;
  const path = `${directory}/0000000000000000.log`;
  const { size } = await Deno.stat(path);
  await Deno.truncate(path, size - 1 - Math.floor(random() * 40));
}

Deno.test(`the daemon settles what it left when it was killed with its executor, ${DEATHS} times`, async () => {
  await using certificates = await TestCertificates.create();
  await using directory = await temporaryDirectory();
  await using process = await stranger();
  await using resources = new AsyncDisposableStack();
  const data = `${directory.path}/data`;
  const logs = `${data}/logs`;
  const startedIds = new Set<string>();
  let daemon = resources.use(await MortalDaemon.start(certificates, directory.path));
  let kept: Job[] = [];
  for (let round = 0; round < DEATHS; round++) {
    const args = [`--address=${daemon.address}`, `--cgroups=${round % 2 === 0}`];
    // In the first round nothing is under way any more, and somebody follows; then anything may be.
    const enough = round === 0 ? MAX_TOLD : Math.floor(random() * (MAX_TOLD + 1));
    let follower: TestProcess | undefined;
    const told = await useAndKill(daemon, round, enough, async ({ started }) => {
      if (round > 0) return;
      const { jobId } = started.get("0 0") ?? {};
      follower = resources.use(daemon.startCli(["output", `${jobId}`]));
      await follower.seen(/line 20\n/);
    });
    for (const { jobId } of told.started.values()) startedIds.add(jobId);
    // One of the printers that run on.
    await tear(`${logs}/${told.started.get(`${round} 5`)?.jobId}`);
    if (round % 5 === 1) {
      // Its process id has become a stranger's.
      await using store = await SqliteStore.open(`${data}/jobs.db`);
      const lost = job({ jobId: newId(), pid: process.pid, labels: { then: NOTHING } });
      await store.put(lost, `${process.processIdentity}0`);
    }
    // The next one may die as well, while it settles that.
    if (round % 5 === 2) await MortalDaemon.startAndKill(certificates, directory.path, args);

    daemon = resources.use(await MortalDaemon.start(certificates, directory.path, args));
    await daemon.withClient(async (client) => {
      const jobs = await settledJobs(client, told, kept);
      const texts = await Promise.all(
        jobs.map(async (job) => [job.jobId, await checkLog(client, job, logs)] as const),
      );
      const followed = new Map(texts).get(told.started.get(`${round} 0`)?.jobId ?? "") ?? "";
      assert.ok(followed.startsWith(told.followed), "What somebody has read is still there");
      assert.equal((await processStat(process.pid))?.state, "S");

      if (follower !== undefined) {
        // It has connected again by itself, and has what there is, once.
        const { code, stdout, stderr } = await follower.finished();
        assert.deepEqual([code, stdout], [125, followed]);
        assert.match(
          stderr,
          /^worker-cli: Job \S+ failed: lost, because the executor died while the job was running/,
        );
        const { jobId } = told.started.get("0 0") ?? {};
        assert.equal((await daemon.cli(["wait", `${jobId}`])).code, 125);
      }

      // What was acknowledged is not done twice, and new jobs start at once.
      const repeats = [...told.started].map(async ([requestId, { jobId }]) =>
        assert.equal(
          (await start(client, requestId, { script: "exit 1", then: "repeat" })).jobId,
          jobId,
        )
      );
      await Promise.all(repeats);
      const { jobId } = await start(client, "", { script: "echo new", then: "wait" });
      const fresh = await client.waitJob({ jobId });
      assert.equal(statusOf(fresh), "done");
      assert.equal(await checkLog(client, fresh, logs), "new\n");

      await client.pruneJobs({ maxCount: 5, dryRun: false, owner: "" });
      kept = await listAll(client);
      await assertNoStrayLogs(logs, kept);
    });
  }
  assert.ok(startedIds.size > DEATHS * JOBS / 4, `${startedIds.size} starts`);
  await daemon.withClient((client) => client.pruneJobs({ maxCount: 0, dryRun: false, owner: "" }));
  await daemon[Symbol.asyncDispose]();
  assert.deepEqual(await Array.fromAsync(Deno.readDir(logs)), []);
  const names = await Array.fromAsync(Deno.readDir(data), ({ name }) => name);
  assert.deepEqual(names.sort(), ["audit.log", "jobs.db", "logs", "outcomes"]);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(`${data}/outcomes`)), []);
  for (const line of (await Deno.readTextFile(`${data}/audit.log`)).trimEnd().split("\n")) {
    const { method, jobId } = JSON.parse(line);
    if (method === "startJob") startedIds.delete(jobId);
  }
  assert.deepEqual([...startedIds], [], "Every start that was acknowledged is accounted for");
});
