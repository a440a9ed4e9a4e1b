/**
 * A user for each job, which nobody else gets before all that the job has left is gone.
 *
 * @module
 */

import { delay } from "../../../lib/async/delay.ts";
import { JobWorkerError } from "../../../lib/errors.ts";
import { statusOf } from "../../../lib/worker/mod.ts";
import { assert } from "../../assert.ts";
import { executorsIn } from "../../daemon/executor_fixture.ts";
import { openWorker, outputOf, start } from "../../daemon/worker_fixture.ts";
import { rootTest } from "../../root.ts";
import { processStat, rejection, temporaryDirectory, until } from "../../worker/fixture.ts";

/** Ids far away from those that anybody has, since their files may be anywhere. */
const FIRST = 2_123_450_000;

/** A data directory, and one for homes that jobs may pass through. */
async function directories(count: number) {
  const data = await temporaryDirectory();
  const homes = await temporaryDirectory();
  await Deno.chmod(homes.path, 0o711);
  return {
    data: data.path,
    homes: homes.path,
    jobUids: { first: FIRST, last: FIRST + count - 1, homes: homes.path },
    [Symbol.asyncDispose]: async () => {
      await data[Symbol.asyncDispose]();
      await homes[Symbol.asyncDispose]();
    },
  };
}

async function namesIn(directory: string): Promise<string[]> {
  return await Array.fromAsync(Deno.readDir(directory), ({ name }) => name);
}

async function isAlive(pid: number): Promise<boolean> {
  return !["Z", undefined].includes((await processStat(pid))?.state);
}

rootTest("A job has a user, a group and a home of its own, and leaves nothing", async () => {
  await using test = await directories(3);
  const { jobUids, homes } = test;
  await using apart = await openWorker(test.data, { jobUids, cgroups: false });
  const { worker } = apart;
  const script = `id -u; id -g; id -G
echo "$HOME"; echo "$TMPDIR"; pwd
stat -c %a . ..
mkdir -p a/b/c; ln -s /etc a/link; : >a/b/c/file; chmod 0 a/b; chmod 777 "$HOME"
: >/tmp/"$JOB_ID"; mkdir -p /dev/shm/"$JOB_ID"/x/y; chmod 0 /dev/shm/"$JOB_ID"/x; chmod 555 /dev/shm/"$JOB_ID"; ipcmk -M 1000 >/dev/null
setsid sh -c 'trap "" TERM HUP; echo $$ >pid; exec sleep 1000' >/dev/null 2>&1 &
until [ -s pid ]; do sleep 0.01; done; cat pid`;
  const jobId = await start(worker, script);
  const [uid = "", gid, groups, home, temporary, place, own, above, pid] =
    (await outputOf(worker, jobId)).split("\n");
  assert.ok(Number(uid) >= FIRST && Number(uid) < FIRST + 3, uid);
  assert.deepEqual([gid, groups], [uid, uid]);
  assert.equal(home, `${homes}/${uid}/${jobId}`);
  assert.deepEqual([temporary, place], [home, home]);
  assert.deepEqual([own, above], ["700", "710"]);
  assert.equal((await worker.wait(jobId)).execution.user, uid);

  assert.deepEqual(await namesIn(homes), []);
  assert.ok(
    Number(pid) > 1 && !await isAlive(Number(pid)),
    "It left its session, but not its user",
  );
  for (const path of [`/tmp/${jobId}`, `/dev/shm/${jobId}`]) {
    await assert.rejects(Deno.lstat(path), Deno.errors.NotFound);
  }
  const segments = await Deno.readTextFile("/proc/sysvipc/shm");
  assert.ok(!segments.includes(uid), segments);
  assert.ok(await Deno.lstat("/etc/passwd"), "A link leads nowhere");
  assert.deepEqual(apart.faults, []);
});

rootTest("No process outlives its job that goes from one id to the next all the time", async () => {
  await using test = await directories(1);
  await using place = await temporaryDirectory();
  await Deno.chmod(place.path, 0o777);
  await using apart = await openWorker(test.data, { jobUids: test.jobUids, cgroups: false });
  const { worker } = apart;
  const asked = `${place.path}/asked`;
  // Each process starts the next and ends, so that no list of processes has the one that lives when it is read.
  const script = `hop() {
  if [ -e "$0" ]; then rm -f "$0"; elif [ -d "\${0%/*}" ]; then hop & fi
}
: >'${place.path}/begun'
hop`;
  const job = `setsid sh -c '${script.replaceAll("'", "'\\''")}' ${asked} >/dev/null 2>&1 &
until [ -e ${place.path}/begun ]; do sleep 0.01; done`;
  await worker.wait(await start(worker, job));
  assert.deepEqual(apart.faults, []);
  assert.deepEqual(await namesIn(test.homes), []);
  await Deno.writeTextFile(asked, "");
  await delay(1_000);
  assert.ok(await Deno.lstat(asked), "Nobody is left to remove it");
});

rootTest(
  "No two jobs have one user at the same time, and none is given when all are in use",
  async () => {
    await using test = await directories(3);
    await using apart = await openWorker(test.data, { jobUids: test.jobUids });
    const { worker } = apart;
    const sleepers = await Promise.all([1, 2, 3].map(() => start(worker, "exec sleep 1000")));
    const users = await Promise.all(
      sleepers.map(async (jobId) => (await worker.get(jobId)).execution.user),
    );
    assert.equal(new Set(users).size, 3, `${users}`);
    const error = await rejection(start(worker, "true"));
    assert.ok(error instanceof JobWorkerError);
    assert.equal(error.code, "resource_exhausted");
    assert.match(
      error.message,
      /all ids of the daemon's --job-uids 2123450000-2123450002 are in use/,
    );
    const [first = ""] = sleepers;
    await worker.stop(first);
    const next = await start(worker, "exec sleep 1000");
    assert.equal((await worker.get(next)).execution.user, users[0]);
    assert.equal((await namesIn(test.homes)).length, 3);

    // A start that fails takes no user with it, neither before nor after it was given.
    await worker.stop(next);
    const command = { name: "no-such-program" };
    await rejection(worker.start({ command, owner: "alice" }));
    const signal = AbortSignal.abort(new Error("Nobody waits"));
    await rejection(worker.start({ command: { name: "true" }, owner: "alice", signal }));
    const again = await start(worker, "exec sleep 1000");
    assert.equal((await worker.get(again)).execution.user, users[0]);
  },
);

rootTest("A job that waits gets the user that another gives back", async () => {
  await using test = await directories(1);
  await using apart = await openWorker(test.data, { jobUids: test.jobUids }, { maxRunning: 1 });
  const { worker } = apart;
  const first = await start(worker, "exec sleep 1000");
  const command = { name: "sh", args: ["-c", "id -u; ls -A"] };
  const queued = await Promise.all(
    [1, 2].map(() => worker.start({ command, owner: "alice", queue: true })),
  );
  assert.deepEqual(queued.map(statusOf), ["queued", "queued"]);
  await worker.stop(first);
  for (const { jobId } of queued) assert.equal(await outputOf(worker, jobId), `${FIRST}\n`);
});

rootTest("The user of a job stays its own through the restarts of all around it", async () => {
  await using test = await directories(2);
  const { jobUids, homes } = test;
  const script = "echo mine >file; chmod 644 file; exec sleep 1000";
  let before = "";
  let jobId = "";
  {
    const first = await openWorker(test.data, { jobUids });
    jobId = await start(first.worker, script);
    before = (await first.worker.get(jobId)).execution.user;
    await first.handOver();
  }
  {
    // Other settings, so another executor has the new jobs.
    const second = await openWorker(test.data, { jobUids, newPrivileges: false });
    assert.equal((await executorsIn(test.data)).length, 2);
    assert.equal((await second.worker.get(jobId)).execution.user, before);
    const other = await start(second.worker, "exec sleep 1000");
    assert.notEqual((await second.worker.get(other)).execution.user, before);
    await assert.rejects(start(second.worker, "true"), /are in use/);
    // The end of the one gives its user to the jobs of the other executor.
    await second.worker.stop(jobId);
    const third = await start(second.worker, "exec sleep 1000");
    assert.equal((await second.worker.get(third)).execution.user, before);
    await until(async () => (await executorsIn(test.data)).length === 1);

    // The executor dies. What its jobs have left is removed before anybody has their users again.
    const [executor = 0] = await executorsIn(test.data);
    Deno.kill(executor, "SIGKILL");
    for (const lost of [other, third]) {
      assert.equal((await second.worker.wait(lost)).end?.reason, "lost");
    }
    assert.deepEqual(await namesIn(homes), []);
    assert.equal(await outputOf(second.worker, await start(second.worker, "ls")), "");
    assert.deepEqual(second.faults, []);
    await second[Symbol.asyncDispose]();
  }
  assert.deepEqual(await namesIn(homes), []);
});

rootTest(
  "All that ran is cleaned up after when engine and executors have died together",
  async () => {
    await using test = await directories(5);
    const { jobUids, homes } = test;
    const first = await openWorker(test.data, { jobUids });
    const jobId = await start(first.worker, "setsid sleep 1000 & echo $!; exec sleep 1000");
    await until(async () => (await first.worker.get(jobId)).stdoutBytes > 0);
    await first.handOver();
    for (const pid of await executorsIn(test.data)) Deno.kill(pid, "SIGKILL");
    await until(async () => (await executorsIn(test.data)).length === 0);
    assert.equal((await namesIn(homes)).length, 1);

    await using second = await openWorker(test.data, { jobUids });
    assert.deepEqual(second.lost.map((job) => job.jobId), [jobId]);
    assert.ok(!await isAlive(Number(await outputOf(second.worker, jobId))));
    assert.deepEqual(await namesIn(homes), []);
  },
);
