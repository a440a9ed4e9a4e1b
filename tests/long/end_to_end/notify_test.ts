import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { type Answer, isSigned, type Received, Receiver } from "../../notify/receiver.ts";
import { MortalDaemon } from "../../recovery/mortal_daemon.ts";
import { allProcesses, temporaryDirectory, until } from "../../worker/fixture.ts";
import type { Job } from "../../../lib/grpc/client.ts";

/** A receiver, and where a daemon is that may call it. */
async function fixture(answer?: Answer) {
  await using stack = new AsyncDisposableStack();
  const certificates = stack.use(await TestCertificates.create());
  const { path } = stack.use(await temporaryDirectory());
  const receiver = await Receiver.listen(certificates, answer);
  const { ca } = certificates.paths("server");
  const { host, port } = receiver;
  const args = [`--notify-allow=${host}`, `--notify-ca=${ca}`];
  const start = () => MortalDaemon.start(certificates, path, args);
  const resources = stack.move();
  return {
    ...{ certificates, receiver, path, port, start, url: `https://${host}/hook` },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Starts a script with a webhook. */
async function start(daemon: MortalDaemon, notify: string, script = "exit 0"): Promise<string> {
  const command = { name: "sh", args: ["-c", script], env: {}, workingDirectory: "" };
  const { jobId } = await daemon.withClient((client) =>
    client.startJob({ command, labels: {}, requestId: "", notify })
  );
  return jobId;
}

/** The job, once its webhook is `state`. */
async function notified(daemon: MortalDaemon, jobId: string, state: string): Promise<Job> {
  return await until(async () => {
    const job = await daemon.withClient((client) => client.getJob({ jobId }));
    return job.notify?.state === state && job;
  });
}

function idsOf(received: readonly Received[]): string[] {
  return [...new Set(received.map(({ headers }) => headers["webhook-id"] ?? ""))];
}

Deno.test("An engine that is killed between the end of a job and the answer owes it to the next one", async () => {
  const dead = Promise.withResolvers<void>();
  await using test = await fixture(async (_, at) => {
    if (at === 0) await dead.promise;
    return new Response(null, { status: 200 });
  });
  const { receiver, url } = test;
  await using _receiver = receiver;
  let jobId = "";
  {
    await using daemon = await test.start();
    jobId = await start(daemon, url);
    // It has been called, and the engine does not learn that it has taken it.
    await receiver.has(1);
    await daemon.kill();
    dead.resolve();
  }
  await using daemon = await test.start();
  await notified(daemon, jobId, "delivered");
  // Or more, on a machine so slow that an answer comes too late.
  assert.ok(receiver.received.length >= 2);
  assert.deepEqual(idsOf(receiver.received), [`ended_${jobId}`]);
  const secret = await Deno.readTextFile(`${test.path}/data/notify.key`);
  for (const received of receiver.received) assert.ok(isSigned(received, secret));
});

Deno.test("A job that ends while no engine is there is told of by the next one", async () => {
  await using test = await fixture();
  await using receiver = test.receiver;
  const done = `${test.path}/done`;
  let jobId = "";
  {
    await using daemon = await test.start();
    jobId = await start(daemon, test.url, `while [ ! -e ${done} ]; do sleep 0.05; done; exit 7`);
    await daemon.kill();
  }
  await Deno.writeTextFile(done, "");
  assert.equal(receiver.received.length, 0);
  await using daemon = await test.start();
  await notified(daemon, jobId, "delivered");
  const [received] = receiver.received;
  assert.deepEqual(JSON.parse(received?.body ?? "").data.exitStatus, { code: 7 });
});

Deno.test("A webhook that answers with an error or a redirect, or hangs up, is called until it takes it", async () => {
  const elsewhere: string[] = [];
  await using test = await fixture(({ path }, at) => {
    if (path !== "/hook") elsewhere.push(path);
    if (at === 0) return new Response(null, { status: 503 });
    if (at === 1) return new Response(null, { status: 307, headers: { location: "/other" } });
    // What it says is not read, however much there is.
    const endless = new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(65_536)) });
    return new Response(endless, { status: 202 });
  });
  const { url } = test;
  await using receiver = test.receiver;
  await using daemon = await test.start();
  const jobId = await start(daemon, url);
  await notified(daemon, jobId, "delivered");
  assert.ok(receiver.received.length >= 3);
  assert.deepEqual([idsOf(receiver.received), elsewhere], [[`ended_${jobId}`], []]);
});

Deno.test("A webhook that is not there is told when it is back", async () => {
  await using test = await fixture();
  await test.receiver[Symbol.asyncDispose]();
  await using daemon = await test.start();
  let jobId = "";
  {
    // Somebody who has no idea of TLS: so it is known that it has been tried.
    using stranger = Deno.listen({ hostname: "127.0.0.1", port: test.port });
    jobId = await start(daemon, test.url);
    (await stranger.accept()).close();
  }
  await notified(daemon, jobId, "pending");
  await using receiver = await Receiver.listen(test.certificates, undefined, test.port);
  await notified(daemon, jobId, "delivered");
  assert.deepEqual(idsOf(receiver.received), [`ended_${jobId}`]);
});

Deno.test("A webhook that never answers holds up neither the others nor the end of the daemon", async () => {
  const never = Promise.withResolvers<Response>();
  await using test = await fixture(({ path }) =>
    path === "/hook" ? never.promise : new Response(null, { status: 200 })
  );
  await using daemon = await test.start();
  const [hanging, other] = await Promise.all([
    start(daemon, test.url),
    start(daemon, test.url.replace("/hook", "/other")),
  ]);
  await notified(daemon, other, "delivered");
  // It is given up after a while, and tried again.
  await test.receiver.has(3);
  await notified(daemon, hanging, "pending");
  await daemon[Symbol.asyncDispose]();
  never.resolve(new Response());
  await test.receiver[Symbol.asyncDispose]();
});

Deno.test("A notifier that dies is replaced, and what it was about is sent again", async () => {
  const killed = Promise.withResolvers<void>();
  await using test = await fixture(async (_, at) => {
    if (at === 0) await killed.promise;
    return new Response(null, { status: 200 });
  });
  await using receiver = test.receiver;
  await using daemon = await test.start();
  const jobId = await start(daemon, test.url);
  await receiver.has(1);
  const flag = `--allow-net=localhost:${test.port}`;
  for (const { pid } of await allProcesses()) {
    const line = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
    if (line.split("\0").includes(flag)) Deno.kill(pid, "SIGKILL");
  }
  killed.resolve();
  await notified(daemon, jobId, "delivered");
  assert.ok(receiver.received.length >= 2);
  assert.deepEqual(idsOf(receiver.received), [`ended_${jobId}`]);
});
