import { abortable } from "../../lib/async/abortable.ts";
import { delay } from "../../lib/async/delay.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { encodeFrame } from "../../lib/net/frames.ts";
import { processesOf } from "../end_to_end/process.ts";
import { soon } from "../soon.ts";
import { rejection, until } from "../worker/fixture.ts";
import { launch, script, SETTINGS, TestServer } from "./server_fixture.ts";

/** Lets the server read these bytes, and waits until it has ended the connection or answered. */
async function send(socket: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  using connection = await Deno.connect({ transport: "unix", path: socket });
  const written = connection.writable.getWriter();
  await written.write(bytes);
  await connection.closeWrite();
  for await (const _piece of connection.readable);
}

function frame(head: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(head);
  const bytes = new Uint8Array(8 + text.byteLength);
  new DataView(bytes.buffer).setUint32(0, text.byteLength, true);
  bytes.set(text, 8);
  return bytes;
}

Deno.test("An executor says who it is, and of each job that it holds what is known", async () => {
  await using server = await TestServer.start();
  {
    await using client = await server.connect();
    const { version, settings, pid, jobs, containment } = client.hello;
    assert.deepEqual([version, settings, pid], ["1.2.3 (test)", SETTINGS, Deno.pid]);
    assert.deepEqual([jobs, containment], [[], "process_group"]);
    await launch(client, "running", "exec sleep 1000");
    const ended = await launch(client, "ended", "echo out; echo err >&2; exit 3");
    ended.confirm();
    const outcome = await soon(ended.ended, () => "the end of a job");
    assert.deepEqual(outcome?.end.exitStatus, { code: 3 });
    assert.deepEqual([outcome?.stdoutBytes, outcome?.stderrBytes], [4, 4]);
    assert.equal(await server.outcomes.read("ended"), null, "Whoever is there records it");
  }
  await using next = await server.connect();
  const [running, ended] = next.hello.jobs.toSorted((a, b) => b.jobId.localeCompare(a.jobId));
  assert.deepEqual([running?.jobId, running?.isConfirmed, running?.outcome], [
    "running",
    false,
    null,
  ]);
  assert.deepEqual([ended?.jobId, ended?.isConfirmed], ["ended", true]);
  assert.deepEqual(ended?.outcome?.end.exitStatus, { code: 3 });
  const { isConfirmed, ...stored } = await server.outcomes.read("ended") ?? {};
  assert.deepEqual([isConfirmed, stored], [true, ended?.outcome]);
  assert.deepEqual(await next.jobs.get("ended")?.ended, ended?.outcome);
  next.jobs.get("ended")?.release();
  await until(async () => await server.outcomes.read("ended") === null && server.server.size === 1);
  assert.ok(!next.jobs.has("ended"));
});

Deno.test("An executor serves the next engine at once, whatever was being prepared for the last one", async () => {
  await using server = await TestServer.start();
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<never>();
  // However this test ends.
  using _answer = { [Symbol.dispose]: () => answered.reject(new Error("late")) };
  // As if a job's user had suspended what looks at files as that user.
  server.executor.prepare = async (_request, { signal } = {}) => {
    asked.resolve();
    return await abortable(answered.promise, signal);
  };
  const first = await server.connect();
  const prepared = rejection(first.call("prepare", script("job", "true")));
  await asked.promise;
  await first[Symbol.asyncDispose]();
  assert.match(String(await prepared), /The process that runs the jobs has ended/);
  await using next = await soon(server.connect(), () => "the next engine to be served");
  assert.deepEqual(next.hello.jobs, []);
});

Deno.test("An executor answers what it does not know with an error that says so, and goes on", async () => {
  await using server = await TestServer.start();
  await using client = await server.connect();
  const ask = (name: string, request: unknown) => client.call(name as "stop", request as never);
  await assert.rejects(ask("dance", {}), /^Error: This executor knows no call "dance"$/);
  await assert.rejects(ask("signal", { jobId: "none", signal: "TERM" }), /holds no job "none"/);
  await assert.rejects(ask("launch", { jobId: "none" }), /Cannot launch job "none": not prepared/);
  assert.deepEqual(await client.call("progress", { jobIds: ["none"] }), {});
  const missing = script("a", "true");
  const command = { ...missing.command, name: "no-such-program" };
  await assert.rejects(client.call("prepare", { ...missing, command }), (error) => {
    assert.ok(error instanceof JobWorkerError);
    return error.code === "failed_precondition" && error.reason === "ENOENT";
  });
  const job = await launch(client, "b", "exit 4");
  assert.deepEqual((await job.ended)?.end.exitStatus, { code: 4 });
});

Deno.test("Nonsense ends the connection with an engine, and neither its jobs nor the executor", async () => {
  await using server = await TestServer.start();
  {
    await using client = await server.connect();
    await launch(client, "job", "exec sleep 1000");
  }
  const call = encodeFrame({ kind: "call", id: 1, name: "progress", request: { jobIds: [] } });
  for (
    const bytes of [
      frame("{nonsense"),
      frame("null"),
      frame("[]"),
      frame('"text"'),
      call.subarray(0, call.byteLength - 1),
      new Uint8Array(8).fill(0xff),
      new Uint8Array([1, 2, 3]),
    ]
  ) await soon(send(server.socket, bytes), () => `an end after ${bytes}`);
  await using client = await server.connect();
  assert.deepEqual(client.hello.jobs.map(({ jobId }) => jobId), ["job"]);
  assert.equal((await processesOf(["job"])).length, 1);
});

Deno.test("What an engine has prepared is forgotten when it leaves", async () => {
  await using server = await TestServer.start();
  {
    await using client = await server.connect();
    await client.call("prepare", script("job", "true"));
  }
  await using next = await server.connect();
  await assert.rejects(next.launch("job", {}), /not prepared/);
  assert.equal(server.server.size, 0);
});

Deno.test("An executor tells unasked that a job has begun to print, and how its log ends", async () => {
  await using server = await TestServer.start();
  await using client = await server.connect();
  const script = "read line; echo one; read line; echo two; exec sleep 1000";
  const job = await launch(client, "job", script, true);
  const heard: [number, boolean][] = [];
  job.logChanged = ({ endOffset, closed }) => void heard.push([endOffset, closed]);
  await job.writeInput(0, new TextEncoder().encode("\n"));
  await until(() => Promise.resolve(heard.length > 0));
  await job.writeInput(1, new TextEncoder().encode("\n"));
  await until(async () => (await job.progress()).stdoutBytes === 8);
  assert.deepEqual(heard, [[4, false]]);
  await job.stop({ stopSignal: "KILL", gracePeriodMs: 0, reason: "stopped" });
  await job.ended;
  assert.deepEqual(heard, [[4, false], [8, true]]);
});

Deno.test("An executor that is retired takes no jobs, until it is wanted again", async () => {
  await using server = await TestServer.start();
  await using client = await server.connect();
  await client.call("setRetired", { retired: true });
  assert.equal(server.server.isRetired, true);
  await assert.rejects(client.call("prepare", script("job", "true")), /takes no more jobs/);
  await client.call("setRetired", { retired: false });
  assert.deepEqual((await (await launch(client, "job", "true")).ended)?.end.status, "done");
});

Deno.test("A call whose caller has left rejects with the reason, and the executor gives it up", async () => {
  await using server = await TestServer.start();
  await using client = await server.connect();
  const job = await launch(client, "job", "exec sleep 1000", true);
  const leaving = new AbortController();
  // More than a pipe holds.
  const writing = job.writeInput(0, new Uint8Array(1024 * 1024), leaving.signal);
  leaving.abort(new Error("Gone"));
  await assert.rejects(writing, /^Error: Gone$/);
  await assert.rejects(job.writeInput(0, new Uint8Array(1), leaving.signal), /^Error: Gone$/);
  await job.stop({ stopSignal: "KILL", gracePeriodMs: 0, reason: "stopped" });
  assert.deepEqual((await job.ended)?.end.reason, "stopped");
});

Deno.test("An executor that ends tells the ends of its jobs first", async () => {
  const server = await TestServer.start();
  await using client = await server.connect();
  const job = await launch(client, "job", "exec sleep 1000");
  await server[Symbol.asyncDispose]();
  await soon(client.closed, () => "the end of the connection");
  assert.deepEqual((await job.ended)?.end.reason, "shutdown");
  assert.equal(client.isClosed, true);
  await assert.rejects(
    client.call("progress", { jobIds: [] }),
    /process that runs the jobs has ended/,
  );
  // What is known stays known.
  await job.stop({ stopSignal: "KILL", gracePeriodMs: 0, reason: "stopped" });
  assert.deepEqual(await job.progress(), await job.ended);
});

Deno.test("An executor that ends without an engine has put the ends of its jobs on the disk", async () => {
  await using server = await TestServer.start();
  {
    await using client = await server.connect();
    await launch(client, "job", "exec sleep 1000");
  }
  await until(() => Promise.resolve(!server.server.isConnected));
  const { write } = server.outcomes;
  let isWritten = false;
  server.outcomes.write = async (...args) => {
    await delay(1);
    await write.call(server.outcomes, ...args);
    isWritten = true;
  };
  await server.server.killAll();
  assert.ok(isWritten);
  const stored = await server.outcomes.read("job");
  assert.deepEqual([stored?.end.reason, stored?.isConfirmed], ["shutdown", false]);
});
