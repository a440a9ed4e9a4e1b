import { delay } from "../../../lib/async/delay.ts";
import { JobWorkerError } from "../../../lib/errors.ts";
import type { JobWorkerClient } from "../../../lib/grpc/client.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { childrenOfExecutors, executorsIn } from "../../daemon/executor_fixture.ts";
import { openWorker, outputOf, start as startIn } from "../../daemon/worker_fixture.ts";
import { processesOf } from "../../end_to_end/process.ts";
import { TestHouse } from "../../gateway/fixture.ts";
import { Follower, PrintingJobs } from "../../gateway/followers.ts";
import {
  NO_PIDS_CGROUP,
  type Shortage,
  withoutDescriptors,
  withoutMemory,
  withoutProcesses,
} from "../../shortages.ts";
import { soon } from "../../soon.ts";
import { temporaryDirectory, until } from "../../worker/fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

/** How long something is short, in milliseconds: more than passes between the things that are done regularly. */
const SHORT_FOR_MS = 5_000;

/** What a start may be answered meanwhile. */
const REFUSALS = ["resource_exhausted", "unavailable"];

/** Runs a job that prints, from its start to its end. */
async function run(client: JobWorkerClient): Promise<void> {
  const { jobId } = await start(client, "echo hello; exit 7");
  const { end } = await client.waitJob({ jobId });
  assert.deepEqual(end?.exitStatus, { code: 7 }, JSON.stringify(end));
}

async function start(client: JobWorkerClient, script: string): Promise<{ jobId: string }> {
  const command = { name: "sh", args: ["-c", script], env: {}, workingDirectory: "" };
  return await client.startJob({ command, labels: {}, requestId: "" });
}

/**
 * Runs one job after the other and asks for another, any of which may be refused.
 *
 * @returns what should not have been answered
 */
async function load(
  client: JobWorkerClient,
  jobId: string,
  signal: AbortSignal,
): Promise<unknown[]> {
  const faults: unknown[] = [];
  while (!signal.aborted) {
    for (const call of [() => run(client), () => client.getJob({ jobId })]) {
      try {
        await call();
      } catch (error) {
        const isRefusal = error instanceof JobWorkerError && REFUSALS.includes(error.code);
        if (!isRefusal) faults.push(error);
      }
    }
    await delay(20);
  }
  return faults;
}

/** The processes of a daemon that are the same before and after. */
interface Roles {
  readonly engine: number;
  readonly executor: number;
  readonly gateway: number;
}

async function rolesOf(house: TestHouse, data: string): Promise<Roles> {
  const [executor = 0] = await executorsIn(data);
  return { engine: house.daemon.pid, executor, gateway: await house.gateway() };
}

/** The shells that the executors of a data directory have for what only the kernel can tell. */
async function shellsOf(data: string): Promise<number[]> {
  const shells: number[] = [];
  for (const { pid } of await childrenOfExecutors(data)) {
    const line = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
    if (line.includes("PROC_SHELL")) shells.push(pid);
  }
  return shells;
}

/** Treats a daemon under load to a shortage, and sees that it works again and that no job has noticed. */
async function endure(
  take: (roles: Roles, data: string) => Promise<Shortage>,
  options: { readonly expected: RegExp; readonly replaced?: "gateway" },
): Promise<void> {
  const { expected, replaced } = options;
  await using house = await TestHouse.start(certificates, { expected });
  const data = `${house.daemon.directory}/data`;
  const client = await house.connect();
  const jobs = await PrintingJobs.start(house.daemon, client, 10);
  const followers = jobs.ids.slice(0, 5).map((jobId) => new Follower(client, jobId));
  await Promise.all(followers.map((follower) => follower.advances()));
  const before = await rolesOf(house, data);
  const ending = await Promise.all(
    Array.from({ length: 5 }, () => start(client, "sleep 2 & wait; echo ended; exit 44")),
  );
  const loaded = new AbortController();
  const loads = jobs.ids.map((jobId) => load(client, jobId, loaded.signal));
  {
    await using _shortage = await take(before, data);
    await delay(SHORT_FOR_MS);
  }
  loaded.abort();
  const faults = await soon(Promise.all(loads), () => "the answers to all calls");
  assert.deepEqual(faults.flat(), []);
  await until(() => run(client).then(() => true, () => false));
  for (const { jobId } of ending) {
    const { end } = await soon(client.waitJob({ jobId }), () => `the end of job ${jobId}`);
    assert.deepEqual(end?.exitStatus, { code: 44 }, JSON.stringify(end));
  }
  await Promise.all(followers.map((follower) => follower.advances()));
  const after = await rolesOf(house, data);
  const { gateway } = replaced === undefined ? before : after;
  assert.deepEqual(after, { ...before, gateway });
  assert.equal(await Deno.readTextFile(`${data}/executor.0.err`), "");
  const stored = await jobs.end();
  for (const { jobId, text } of followers) assert.equal(await text, stored.get(jobId));
}

const GATEWAY_ENDS = / ERROR (Gateway \d+ ended: |No gateway: )/;

Deno.test("A daemon whose engine was out of descriptors goes on, and no job has noticed", async () => {
  await endure(({ engine }) => withoutDescriptors(engine), {
    expected: / ERROR Job \S+: Too many open files/,
  });
});

Deno.test("A daemon whose executor was out of descriptors goes on, and no job has noticed", async () => {
  await endure(({ executor }) => withoutDescriptors(executor), {
    expected: /Cannot have a process ready for the next job: .*Too many open files/,
  });
});

Deno.test("A daemon whose gateway was out of descriptors has another, and no job has noticed", async () => {
  await endure(({ gateway }) => withoutDescriptors(gateway), {
    expected: GATEWAY_ENDS,
    replaced: "gateway",
  });
});

for (const role of ["engine", "executor", "gateway"] as const) {
  Deno.test({
    name:
      `A daemon whose ${role} was out of processes goes on, and no job has noticed${NO_PIDS_CGROUP}`,
    ignore: NO_PIDS_CGROUP !== "",
    async fn() {
      const take = async (roles: Roles, data: string) =>
        await withoutProcesses([
          roles[role],
          ...role === "executor" ? await shellsOf(data) : [],
        ]);
      // A job may have been started just before, for whose successor a process is to be ready.
      const expected = role === "executor"
        ? /Cannot have a process ready for the next job: .*Resource temporarily unavailable/
        : /^$/;
      await endure(take, { expected });
    },
  });
}

// The runtime ends a process that gets no memory. What a gateway had is nothing that would be lost.
Deno.test("A daemon whose gateway was out of memory has another, and no job has noticed", async () => {
  await endure(({ gateway }) => withoutMemory(gateway), {
    expected: GATEWAY_ENDS,
    replaced: "gateway",
  });
});

/** The client of a daemon that is gone tries to connect again for a while, in timers of grpc-js. */
const WITH_LATE_TIMERS = { sanitizeOps: false, sanitizeResources: false };

Deno.test({
  name: "A daemon whose engine is out of descriptors can be stopped, and ends its jobs",
  ...WITH_LATE_TIMERS,
  async fn() {
    // There is no gateway at its end, and what else is reported depends on what is under way by then.
    await using house = await TestHouse.start(certificates, { expected: / ERROR /, code: 1 });
    const { daemon } = house;
    const client = await house.connect();
    const { jobId } = await start(client, "exec sleep 1000");
    const { engine, gateway } = await rolesOf(house, `${daemon.directory}/data`);
    await using _shortage = await withoutDescriptors(engine);
    for (let call = 0; call < 20; call++) void client.getJob({ jobId }).catch(() => {});
    Deno.kill(gateway, "SIGKILL");
    await house.diagnosed(/starting another/);
    // By then it waits for what another gateway takes.
    await delay(1_000);
    const { code, stderr } = await soon(daemon.stop(), () => "the end of the daemon");
    assert.equal(code, 1, stderr);
    assert.match(stderr, /Shutting down: SIGTERM\n/);
    assert.deepEqual(await processesOf([jobId]), []);
  },
});

/** The runtime ends threads that have nothing to do for ten seconds. */
const AT_REST_MS = 14_000;

Deno.test({
  name:
    `A daemon that is out of processes after it had nothing to do for long goes on${NO_PIDS_CGROUP}`,
  ...WITH_LATE_TIMERS,
  ignore: NO_PIDS_CGROUP !== "",
  async fn() {
    await using house = await TestHouse.start(certificates, { expected: /^$/ });
    const client = await house.connect();
    const before = await rolesOf(house, `${house.daemon.directory}/data`);
    await delay(AT_REST_MS);
    {
      await using _shortage = await withoutProcesses([before.engine, before.executor]);
      await assert.rejects(run(client), { code: "resource_exhausted" });
    }
    await run(client);
    assert.deepEqual(await rolesOf(house, `${house.daemon.directory}/data`), before);
  },
});

Deno.test({
  name:
    `An executor that is out of processes after it had nothing to do for long goes on${NO_PIDS_CGROUP}`,
  ...WITH_LATE_TIMERS,
  ignore: NO_PIDS_CGROUP !== "",
  async fn() {
    await using directory = await temporaryDirectory();
    await using opened = await openWorker(directory.path);
    const { worker } = opened;
    const script = "read line; echo hello; exit 44";
    const jobId = await startIn(worker, script, { hasInput: true });
    const [executor = 0] = await executorsIn(directory.path);
    await delay(AT_REST_MS);
    {
      await using _shortage = await withoutProcesses([executor]);
      await worker.writeInput(jobId, 0, new TextEncoder().encode("\n"));
      const { end } = await soon(worker.wait(jobId), () => "the end of the job");
      assert.deepEqual(end?.exitStatus, { code: 44 }, JSON.stringify(end));
    }
    assert.equal(await outputOf(worker, jobId), "hello\n");
    assert.deepEqual(await executorsIn(directory.path), [executor]);
  },
});
