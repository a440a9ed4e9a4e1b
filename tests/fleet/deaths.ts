/**
 * A fleet of which everything is killed at random while jobs wait, start and run, each of which writes down that it
 * runs.
 *
 * @module
 */

import { delay } from "../../lib/async/delay.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import type { JobWorkerClient } from "../../lib/grpc/client.ts";
import type { Job } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { seeded } from "../random.ts";
import { type FleetDaemon, TestDaemons, type TestRegistry } from "./test_daemons.ts";

/** Writes its id down, and lasts a moment. */
const SCRIPT = 'echo "$JOB_ID" >> "$0"; sleep 0.1';

/** How many starts are asked for at once. */
const SUBMITTERS = 16;

/** How long everything may take to come to rest once nothing is killed any more. */
const REST_MS = 240_000;

/** What has become of all jobs. */
export interface Outcome {
  readonly jobs: readonly Job[];
  /** The ids that were written down, as often as they were. */
  readonly ran: readonly string[];
  /** What was killed. */
  readonly deaths: readonly string[];
}

/**
 * Starts that many jobs through a hub while hosts, agents, the hub and NATS are killed and come back.
 *
 * @param minDeaths how many there are at least
 */
export async function runAmongDeaths(
  count: number,
  minDeaths: number,
  registry: TestRegistry | null = null,
): Promise<Outcome> {
  const slots = ["--slots=4", "--labels=role=web"];
  const hosts = { "web-1": slots, "web-2": slots, "web-3": slots };
  await using fleet = await TestDaemons.start(hosts, registry);
  const path = `${fleet.hub.directory}/ran`;
  const deaths: string[] = [];
  const ids = new Set<string>();
  await withClients(fleet, async (clients) => {
    const [client = assert.fail("No hub")] = clients;
    const submitted = submitAll(clients, count, path, ids);
    let isSubmitted = false;
    const all = submitted.finally(() => isSubmitted = true);
    all.catch(() => {});
    const random = seeded("deaths");
    while (!isSubmitted || deaths.length < minDeaths) {
      deaths.push(await killOne(fleet, registry, random));
      await delay(random() * 500);
    }
    await all;
    await atRest(client);
  });
  assert.equal(ids.size, count);
  const jobs: Job[] = [];
  await fleet.withClient(async (client) => {
    for (const jobId of ids) jobs.push(await client.getJob({ jobId }));
  });
  const text = await Deno.readTextFile(path);
  return { jobs, ran: text.trimEnd().split("\n"), deaths };
}

/** No job is known to have run twice, and none is missing but those of which nobody knows how they ended. */
export function checkOutcome({ jobs, ran, deaths }: Outcome): void {
  const what = deaths.join(", ");
  assert.equal(new Set(ran).size, ran.length, `Some ran twice: ${what}`);
  const ids = new Set(jobs.map(({ jobId }) => jobId));
  assert.deepEqual(ran.filter((jobId) => !ids.has(jobId)), [], `Some are not known: ${what}`);
  const missing = jobs.filter(({ jobId, end }) => !ran.includes(jobId) && end?.reason !== "lost");
  assert.deepEqual(missing, [], `Some have not run: ${what}`);
  const lost = jobs.filter(({ end }) => end?.reason === "lost");
  const ended = jobs.filter(({ end }) => end?.status === "done");
  assert.equal(lost.length + ended.length, jobs.length, `Some are neither done nor lost: ${what}`);
  // A job is lost only with the executor that held it, and each of these had four at most.
  const hosts = deaths.filter((death) => death.startsWith("host")).length;
  assert.ok(lost.length <= hosts * 4, `${lost.length} are lost of ${hosts} hosts: ${what}`);
}

/** One at each hub. */
async function withClients(
  fleet: TestDaemons,
  use: (clients: readonly JobWorkerClient[]) => Promise<void>,
  clients: readonly JobWorkerClient[] = [],
): Promise<void> {
  const hub = fleet.hubs[clients.length];
  if (hub === undefined) return await use(clients);
  await fleet.withClient((client) => withClients(fleet, use, [...clients, client]), hub);
}

async function submitAll(
  clients: readonly JobWorkerClient[],
  count: number,
  path: string,
  ids: Set<string>,
): Promise<void> {
  let next = 0;
  const submit = async () => {
    for (let index = next++; index < count; index = next++) {
      ids.add(await submitOne(clients, index, path));
    }
  };
  await Promise.all(Array.from({ length: SUBMITTERS }, submit));
}

/** Asks again, by the same request id, until there is an answer: each time another hub, if there is one. */
async function submitOne(
  clients: readonly JobWorkerClient[],
  index: number,
  path: string,
): Promise<string> {
  const command = { name: "sh", args: ["-c", SCRIPT, path] };
  const requestId = `job-${index}`;
  for (let attempt = index;; attempt++) {
    const client = clients[attempt % clients.length] ?? assert.fail("No hub");
    try {
      const { jobId } = await client.startJob({
        ...{ command, requestId },
        on: { host: "", labels: { role: "web" } },
      });
      return jobId;
    } catch (error) {
      const mayPass = error instanceof JobWorkerError &&
        ["unavailable", "internal", "deadline_exceeded", "cancelled"].includes(error.code);
      if (!mayPass) throw error;
      await delay(200);
    }
  }
}

/** Waits until no job waits or runs any more. */
async function atRest(client: JobWorkerClient): Promise<void> {
  const deadline = performance.now() + REST_MS;
  for (;;) {
    const { jobs } = await client.listJobs({ filter: { statuses: ["queued", "running"] } });
    if (jobs.length === 0) return;
    assert.ok(performance.now() < deadline, `Still there: ${JSON.stringify(jobs.slice(0, 3))}`);
    await delay(100);
  }
}

/** Kills something and has it come back, and says what it was. */
async function killOne(
  fleet: TestDaemons,
  registry: TestRegistry | null,
  random: () => number,
): Promise<string> {
  const hosts = [...fleet.hosts];
  const [name, host] = hosts[Math.floor(random() * hosts.length)] ?? assert.fail("No hosts");
  const hub = fleet.hubs[Math.floor(random() * fleet.hubs.length)] ?? fleet.hub;
  const choices: Record<string, () => Promise<void>> = {
    [`agent of ${name}`]: async () => Deno.kill(await host.agent(), "SIGKILL"),
    [`engine of ${name}`]: async () => {
      await host.kill();
      await host.start();
    },
    [`host ${name}`]: async () => {
      // Its executor stays for as long as it does, and it starts no other.
      Deno.kill(host.pid, "SIGSTOP");
      for (const pid of await executorsOf(host)) killIfThere(pid);
      await host.kill();
      await host.start();
    },
    hub: async () => {
      await hub.kill();
      await hub.start();
    },
    nats: async () => {
      await fleet.nats.kill();
      await delay(random() * 500);
      await fleet.nats.restart();
    },
  };
  if (registry !== null) {
    choices.registry = registry.restart;
    // The other one goes on with what it has left, and it comes back believing that this is still its own.
    choices["suspended hub without registry"] = async () => {
      Deno.kill(hub.pid, "SIGSTOP");
      await registry.restart();
      await delay(random() * 12_000);
      Deno.kill(hub.pid, "SIGCONT");
    };
  }
  const names = Object.keys(choices);
  const chosen = names[Math.floor(random() * names.length)] ?? assert.fail("Nothing to kill");
  await choices[chosen]?.();
  return chosen;
}

function killIfThere(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    // An executor of the engine before may have been about to end.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The processes that hold the jobs of a host. */
async function executorsOf(host: FleetDaemon): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (line.includes("executor_main") && line.includes(host.directory)) found.push(Number(name));
  }
  return found;
}
