import { JobWorkerError } from "../../lib/errors.ts";
import { executorSockets } from "../../lib/daemon/data_directory.ts";
import { PROTOCOL } from "../../lib/executor/protocol.ts";
import { assert } from "../assert.ts";
import { encodeFrame } from "../../lib/net/frames.ts";
import { Worker } from "../../lib/worker/mod.ts";
import { soon } from "../soon.ts";
import { BrokenStore } from "../worker/broken_store.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";
import { executorsIn, openKeeper } from "./executor_fixture.ts";
import { openWorker, outputOf, start } from "./worker_fixture.ts";

Deno.test("When all sockets are taken, the last executor has the new jobs too, until another one ends", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const homes = ["/", "/tmp", "/usr", "/var"];
  const jobs: string[] = [];
  for (const home of homes) {
    const opened = await openWorker(path, { home, cgroups: false });
    jobs.push(await start(opened.worker, "read line; pwd; exit 5", { hasInput: true }));
    await opened.handOver();
  }
  assert.equal((await executorsIn(path)).length, 4);
  {
    const fifth = await openWorker(path, { home: "/etc", cgroups: false });
    assert.equal(await outputOf(fifth.worker, await start(fifth.worker, "pwd")), "/var\n");
    assert.equal((await executorsIn(path)).length, 4);
    const [first = ""] = jobs;
    await fifth.worker.closeInput(first);
    assert.deepEqual((await fifth.worker.wait(first)).end?.exitStatus, { code: 5 });
    // It was retired, and has nothing more to do.
    await until(async () => (await executorsIn(path)).length === 3);
    await fifth.handOver();
  }
  await using sixth = await openWorker(path, { home: "/etc", cgroups: false });
  assert.equal(await outputOf(sixth.worker, await start(sixth.worker, "pwd")), "/etc\n");
  for (const [index, jobId] of jobs.entries()) {
    if (index > 0) await sixth.worker.closeInput(jobId);
    assert.deepEqual((await sixth.worker.wait(jobId)).end?.exitStatus, { code: 5 });
    assert.equal(await outputOf(sixth.worker, jobId), `${homes[index]}\n`);
  }
  await until(async () => (await executorsIn(path)).length === 1);
  assert.deepEqual([sixth.faults, sixth.lost], [[], []]);
});

Deno.test("An executor that cannot be started is a named error, and the next try works", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const old = await openWorker(path, { home: "/", cgroups: false });
  const jobId = await start(old.worker, "read line; exit 5", { hasInput: true });
  await old.handOver();
  // The second one would write there what it dies of.
  await Deno.mkdir(`${path}/executor.1.err`);
  const settings = { home: "/tmp", cgroups: false };
  for (const _time of [1, 2]) {
    await assert.rejects(soon(openKeeper(path, { settings }), () => "an error"), (error) => {
      assert.ok(error instanceof JobWorkerError, String(error));
      assert.match(error.message, /^Cannot start the process that runs the jobs: /);
      return error.code === "unavailable";
    });
  }
  await Deno.remove(`${path}/executor.1.err`);
  await using next = await openWorker(path, settings);
  await next.worker.closeInput(jobId);
  assert.deepEqual((await next.worker.wait(jobId)).end?.exitStatus, { code: 5 });
  assert.equal(await outputOf(next.worker, await start(next.worker, "pwd")), "/tmp\n");
});

Deno.test("A start for which there is no executor fails with a named error, and the next one works", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  await using opened = await openWorker(path, { home: "/", cgroups: false });
  const errors = `${path}/executor.0.err`;
  const [executor = 0] = await executorsIn(path);
  await Deno.remove(errors);
  await Deno.mkdir(`${errors}/there`, { recursive: true });
  Deno.kill(executor, "SIGKILL");
  await until(async () => (await executorsIn(path)).length === 0);
  await assert.rejects(start(opened.worker, "true"), (error) => {
    assert.ok(error instanceof JobWorkerError, String(error));
    assert.match(error.message, /^Cannot start the process that runs the jobs: /);
    return error.code === "unavailable";
  });
  assert.deepEqual(await opened.worker.list({}, { limit: 1 }), []);
  await Deno.remove(errors, { recursive: true });
  const jobId = await start(opened.worker, "exit 3");
  assert.deepEqual((await opened.worker.wait(jobId)).end?.exitStatus, { code: 3 });
});

Deno.test("An executor has ended when its worker is closed, and what is not recorded is on the disk", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  await using store = new BrokenStore();
  store.fails = ({ end }) => end !== null;
  const faults: unknown[] = [];
  const onFault = (error: unknown) => void faults.push(error);
  const executor = await openKeeper(path, { onFault });
  const worker = await Worker.open({ dataDirectory: path, store, executor, onFault });
  const jobId = await start(worker, "exit 3");
  assert.deepEqual((await worker.wait(jobId)).end?.exitStatus, { code: 3 });
  await worker[Symbol.asyncDispose]();
  assert.deepEqual(await executorsIn(path), []);
  const outcome = JSON.parse(await Deno.readTextFile(`${path}/outcomes/${jobId}.json`));
  assert.deepEqual(outcome.end.exitStatus, { code: 3 });
  assert.match(String(faults), /Disk full/);
});

Deno.test("Jobs that were started with cgroups go on, and end whole, where there are to be none", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const first = await openWorker(path, { home: "/", cgroups: true });
  const { containment } = first.executor;
  // Only a cgroup holds what leaves its session.
  const leave = containment === "cgroup" ? "setsid " : "";
  const jobId = await start(first.worker, `${leave}sleep 1000 & echo ready; wait`);
  await first.handOver();
  await using second = await openWorker(path, { home: "/", cgroups: false });
  assert.equal(second.worker.containment, "process_group");
  const young = await start(second.worker, "exit 3");
  assert.equal((await second.worker.get(young)).containment, "process_group");
  const ended = await second.worker.stop(jobId);
  assert.deepEqual([ended.containment, ended.end?.reason], [containment, "stopped"]);
  assert.equal(ended.stdoutBytes, "ready\n".length);
  assert.deepEqual((await second.worker.wait(young)).end?.exitStatus, { code: 3 });
  assert.deepEqual([second.faults, second.lost], [[], []]);
});

Deno.test("Whoever talks nonsense on the socket of an executor is none, and another one is started", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const [socket = ""] = executorSockets(path);
  const listener = Deno.listen({ transport: "unix", path: socket });
  const serving = (async () => {
    for await (const connection of listener) {
      await connection.write(new TextEncoder().encode("\x03\0\0\0\0\0\0\0{no"));
      connection.close();
    }
  })();
  {
    await using opened = await openWorker(path, { home: "/", cgroups: false });
    const jobId = await start(opened.worker, "exit 3");
    assert.deepEqual((await opened.worker.wait(jobId)).end?.exitStatus, { code: 3 });
  }
  listener.close();
  await serving;
});

Deno.test("An executor that speaks another protocol and has jobs stops the start, and is left as it is", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const first = await openWorker(path, { home: "/", cgroups: false });
  const jobId = await start(first.worker, "read line; exit 5", { hasInput: true });
  await first.handOver();
  const socket = executorSockets(path)[1] ?? "";
  const hello = {
    protocol: PROTOCOL + 1,
    version: "9.9.9 (later)",
    pid: 4711,
    jobs: [{ jobId: "a", pid: 1, processIdentity: "", isConfirmed: true, outcome: null }],
  };
  const listener = Deno.listen({ transport: "unix", path: socket });
  const serving = (async () => {
    for await (const connection of listener) {
      await connection.write(encodeFrame({ kind: "hello", hello }));
      connection.close();
    }
  })();
  // And again, since nothing keeps the first executor busy.
  for (const _time of [1, 2]) {
    await assert.rejects(soon(openKeeper(path), () => "an error"), (error) => {
      assert.ok(error instanceof JobWorkerError, String(error));
      assert.match(
        error.message,
        /^Cannot take up the jobs \(1\) of executor 4711: version 9\.9\.9/,
      );
      return error.code === "failed_precondition";
    });
  }
  assert.ok((await Deno.lstat(socket)).isSocket);
  listener.close();
  await serving;
  await using next = await openWorker(path, { home: "/", cgroups: false });
  await next.worker.closeInput(jobId);
  assert.deepEqual((await next.worker.wait(jobId)).end?.exitStatus, { code: 5 });
});
