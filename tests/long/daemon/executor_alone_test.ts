/** What an executor goes through while no engine is there. */

import { delay } from "../../../lib/async/delay.ts";
import { executorSockets } from "../../../lib/daemon/data_directory.ts";
import { assert } from "../../assert.ts";
import { liveProcesses, temporaryDirectory, until } from "../../worker/fixture.ts";
import { executorsIn } from "../../daemon/executor_fixture.ts";
import { openWorker, outputOf, start } from "../../daemon/worker_fixture.ts";

const SETTINGS = { home: "/", cgroups: false };

Deno.test("An outcome that cannot be stored keeps its executor, until it can be", async () => {
  await using directory = await temporaryDirectory();
  const outcomes = `${directory.path}/outcomes`;
  const first = await openWorker(directory.path, SETTINGS);
  const script = `while [ ! -e ${directory.path}/end ]; do sleep 0.05; done; exit 44`;
  const jobId = await start(first.worker, script);
  await first.handOver();
  await Deno.remove(outcomes, { recursive: true });
  await Deno.writeTextFile(`${directory.path}/end`, "");
  // Longer than it goes on without anything to do.
  await delay(4_000);
  assert.equal((await executorsIn(directory.path)).length, 1);
  await Deno.mkdir(outcomes);
  await until(() => Deno.stat(`${outcomes}/${jobId}.json`).then(() => true, () => false));
  await until(async () => (await executorsIn(directory.path)).length === 0);
  await using second = await openWorker(directory.path, SETTINGS);
  assert.deepEqual((await second.worker.wait(jobId)).end?.exitStatus, { code: 44 });
  assert.deepEqual(second.lost, []);
});

Deno.test("An executor that is not to keep jobs ends, whatever it cannot store meanwhile", async () => {
  await using directory = await temporaryDirectory();
  const first = await openWorker(directory.path, SETTINGS, { keepsJobs: false });
  await start(first.worker, `while [ ! -e ${directory.path}/end ]; do sleep 0.05; done`);
  await first.handOver();
  await Deno.remove(`${directory.path}/outcomes`, { recursive: true });
  await Deno.writeTextFile(`${directory.path}/end`, "");
  await until(async () => (await executorsIn(directory.path)).length === 0);
});

Deno.test("An executor whose data directory is removed ends with its last job, stored or not", async () => {
  await using directory = await temporaryDirectory();
  const data = `${directory.path}/data`;
  await Deno.mkdir(data);
  const first = await openWorker(data, SETTINGS);
  await start(first.worker, `while [ ! -e ${directory.path}/end ]; do sleep 0.05; done`);
  await first.handOver();
  // It makes its socket again when that is gone, which may be in the middle of this.
  await until(() => Deno.remove(data, { recursive: true }).then(() => true, () => false));
  // Longer than it goes on without anything to do.
  await delay(4_000);
  const kept = (await executorsIn(data)).length;
  await Deno.writeTextFile(`${directory.path}/end`, "");
  await until(async () => (await executorsIn(data)).length === 0);
  assert.equal(kept, 1);
});

Deno.test("An executor that ends leaves a socket alone that is not its own any more", async () => {
  await using directory = await temporaryDirectory();
  const first = await openWorker(directory.path, SETTINGS);
  await start(first.worker, "exec sleep 1000");
  await first.handOver();
  const [socket = ""] = executorSockets(directory.path);
  // In one step: it makes one again that is only removed.
  using _other = Deno.listen({ transport: "unix", path: `${directory.path}/other` });
  await Deno.rename(`${directory.path}/other`, socket);
  for (const pid of await executorsIn(directory.path)) Deno.kill(pid, "SIGTERM");
  await until(async () => (await executorsIn(directory.path)).length === 0);
  assert.equal((await Deno.lstat(socket)).isFile, false);
  await Deno.remove(socket);
});

Deno.test("A data directory that was moved has its jobs, and another executor for new ones", async () => {
  await using directory = await temporaryDirectory();
  const [before, after] = [`${directory.path}/before`, `${directory.path}/after`];
  await Deno.mkdir(before);
  const first = await openWorker(before, SETTINGS);
  const jobId = await start(first.worker, "echo printed; read line; exit 5", { hasInput: true });
  // What it has not printed by then would be for a log where the directory was.
  await until(async () => (await first.worker.get(jobId)).stdoutBytes > 0);
  await first.handOver();
  await Deno.rename(before, after);
  await using second = await openWorker(after, SETTINGS);
  await until(async () => (await executorsIn(after)).length === 2);
  const next = await start(second.worker, "echo next");
  assert.equal(await outputOf(second.worker, next), "next\n");
  await second.worker.closeInput(jobId);
  assert.deepEqual((await second.worker.wait(jobId)).end?.exitStatus, { code: 5 });
  assert.equal(await outputOf(second.worker, jobId), "printed\n");
  assert.deepEqual(second.lost, []);
  await assert.rejects(Deno.stat(`${before}/logs`), Deno.errors.NotFound);
});

Deno.test("A job whose record is gone is ended, since nobody could stop it", async () => {
  await using directory = await temporaryDirectory();
  const first = await openWorker(directory.path, SETTINGS);
  const jobId = await start(first.worker, "sleep 1000");
  const { pid } = await first.worker.get(jobId);
  await first.handOver();
  for (const name of ["jobs.db", "jobs.db-shm", "jobs.db-wal"]) {
    await Deno.remove(`${directory.path}/${name}`).catch(() => {});
  }
  await using second = await openWorker(directory.path, SETTINGS);
  assert.deepEqual(await second.worker.list({}, { limit: 1 }), []);
  await until(async () => (await liveProcesses([pid])).length === 0);
  assert.deepEqual(second.faults, []);
});
