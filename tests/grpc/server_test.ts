import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { assert } from "../assert.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { type CallLimits, unaryCall } from "../../lib/grpc/client_call.ts";
import { Channel } from "../../lib/grpc/channel.ts";
import { endpointOf } from "../../lib/grpc/endpoint.ts";
import { Metadata } from "../../lib/grpc/grpc.ts";
import { JOB_WORKER } from "../../lib/grpc/protocol.ts";
import { JOB_METHODS } from "../../lib/service/methods.ts";
import { callWhole, eachMethod, WHOLE_ANSWERS, WHOLE_REQUESTS } from "../service/samples.ts";
import { soon } from "../soon.ts";
import { batchOf, FROM_THE_START, JOB, TestServer } from "./fixture.ts";

const { jobId } = JOB;
const FOREVER: CallLimits = { deadline: Infinity };

/** A connection without the manners of our client. */
async function openChannel(server: TestServer): Promise<Channel> {
  const material = await server.certificates.material("client");
  const endpoint = endpointOf(`localhost:${server.port}`, material);
  return new Channel(endpoint, { connectTimeoutMs: 5000 });
}

Deno.test("the contract and JobService have the same methods", () => {
  const names = Object.keys(JOB_WORKER).map((name) => name.charAt(0).toLowerCase() + name.slice(1));
  assert.deepEqual(names.sort(), [...JOB_METHODS].sort());
});

/** A value with plain bytes in it, and without fields of some name. */
function plain(value: unknown, omitted?: string): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map((item) => plain(item, omitted));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => name !== omitted);
  return Object.fromEntries(entries.map(([name, inner]) => [name, plain(inner, omitted)]));
}

Deno.test("every method passes request and response on as they are", async () => {
  const received: Record<string, unknown> = {};
  const callers = new Set<string>();
  await using server = await TestServer.start(eachMethod((method, request, { caller }) => {
    received[method] = plain(request);
    callers.add(JSON.stringify({ ...caller, peer: caller.peer.replace(/\d+$/, "PORT") }));
    return Promise.resolve(WHOLE_ANSWERS[method]);
  }));
  await using client = await server.connect();
  for (const method of JOB_METHODS) {
    // The id of a request is told only to whoever started the job.
    const answer = plain(await callWhole(client, method, {}), "requestId");
    assert.deepEqual(answer, plain(WHOLE_ANSWERS[method], "requestId"), method);
  }
  assert.deepEqual(received, WHOLE_REQUESTS);
  const { cert } = await server.certificates.material("client");
  const { fingerprint256, serialNumber } = new X509Certificate(cert);
  assert.deepEqual(Array.from(callers, (caller) => JSON.parse(caller)), [{
    identity: { user: "admin", roles: ["admin"] },
    fingerprint: fingerprint256.replaceAll(":", "").toLowerCase(),
    serialNumber: serialNumber.toLowerCase(),
    peer: "127.0.0.1:PORT",
  }]);
  assert.deepEqual(server.faults, []);
});

Deno.test("a JobWorkerError reaches the caller, with its reason", async () => {
  const error = new JobWorkerError("failed_precondition", "Cannot start “x”: no such program", {
    reason: "ENOENT",
  });
  await using server = await TestServer.start({
    startJob: () => Promise.reject(error),
    // deno-lint-ignore require-yield -- it fails first
    async *watchJobs() {
      throw await Promise.resolve(error);
    },
  });
  await using client = await server.connect();
  const expected = { code: "failed_precondition", message: error.message, reason: "ENOENT" };
  await assert.rejects(
    client.startJob({ command: JOB.command, labels: {}, requestId: "" }),
    expected,
  );
  await assert.rejects(Array.fromAsync(client.watchJobs({ filter: {} })), expected);
  assert.deepEqual(server.faults, []);
});

Deno.test("a fault in any handler becomes INTERNAL for that call, and the server lives", async () => {
  const fault = new TypeError("A secret");
  const reject = () => Promise.reject(fault);
  await using server = await TestServer.start({
    ...eachMethod(reject),
    stopJob: () => {
      throw fault;
    },
    getJob: () => Promise.resolve({ ...JOB, end: { status: "odd" } as never }),
    streamLogs: () => {
      throw fault;
    },
  });
  await using client = await server.connect();
  for (const method of JOB_METHODS) {
    await assert.rejects(callWhole(client, method, {}), (error: JobWorkerError) => {
      assert.equal(error.code, "internal", method);
      assert.ok(!error.message.includes("secret"), method);
      return true;
    }, `${method} should have failed`);
  }
  assert.equal(await client.checkHealth(), "serving");
  assert.equal(server.faults.length, JOB_METHODS.length);
  assert.deepEqual(server.faults[0], { error: fault, method: "/jobworker.v1.JobWorker/StartJob" });
});

Deno.test("a client that does not read stops the service's generator, and not other clients", async () => {
  let pulled = 0;
  const stalled = Promise.withResolvers<void>();
  const data = new Uint8Array(250 * 1024);
  const windowed = 8 * 1024 * 1024 / data.length;
  await using server = await TestServer.start({
    async *streamLogs({ jobId }) {
      for (let offset = 0; offset < 200 * data.length; offset += data.length) {
        if (jobId === "slow" && ++pulled >= windowed) stalled.resolve();
        yield batchOf(offset, data);
      }
    },
  });
  await using slow = await server.connect();
  await using quick = await server.connect();
  const batches = slow.streamLogs({ ...FROM_THE_START, jobId: "slow" });
  await batches.next();
  await soon(stalled.promise, () => "the window to be full");
  const all = await Array.fromAsync(quick.streamLogs(FROM_THE_START));
  assert.equal(all.length, 200);
  // The window of HTTP/2, what the client has taken in, and the batch that waits.
  assert.ok(pulled < windowed + 24, `${pulled} batches were asked for`);

  for await (const _batch of batches);
  assert.equal(pulled, 200);
});

Deno.test("a call acts as the user of its own connection, whatever its metadata says", async () => {
  await using server = await TestServer.start({
    getJob: (_request, { caller }) => Promise.resolve({ ...JOB, owner: caller.identity.user }),
  });
  await using admin = await server.connect();
  await using operator = await server.connect({ as: "operator" });
  await using viewer = await server.connect({ as: "viewer" });
  const owners = await Promise.all(
    Array.from(
      { length: 60 },
      (_, index) =>
        [admin, operator, viewer][index % 3]?.getJob({ jobId }).then(({ owner }) => owner),
    ),
  );
  const names = ["admin", "operator", "viewer"];
  assert.deepEqual(owners, Array.from({ length: 60 }, (_, index) => names[index % 3]));

  using channel = await openChannel(server);
  const metadata = new Metadata();
  for (const key of ["user", "cn", "x-forwarded-client-cert", "jobworker-user", "authorization"]) {
    metadata.set(key, "CN=root,O=admin");
  }
  const { path, requestSerialize, responseDeserialize } = JOB_WORKER.GetJob;
  const owner = await new Promise((resolve, reject) => {
    channel.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { jobId },
      metadata,
      (error, job) => error ? reject(error) : resolve(job?.owner),
    );
  });
  assert.equal(owner, "admin");
});

Deno.test("an unknown method is UNIMPLEMENTED", async () => {
  await using server = await TestServer.start({});
  using channel = await openChannel(server);
  for (const path of ["/jobworker.v1.JobWorker/Nothing", "/nobody.Service/Method"]) {
    const method = { ...JOB_WORKER.GetJob, path };
    await assert.rejects(unaryCall(channel.client, method, { jobId }, FOREVER), {
      code: "unimplemented",
    });
  }
});

Deno.test("a message above 4 MiB is RESOURCE_EXHAUSTED", async () => {
  await using server = await TestServer.start({});
  using channel = await openChannel(server);
  const request = { jobId: "x".repeat(5 * 1024 * 1024) };
  await assert.rejects(unaryCall(channel.client, JOB_WORKER.GetJob, request, FOREVER), {
    code: "resource_exhausted",
  });
});

Deno.test("a hundred thousand arguments arrive, if they fit in a message", async () => {
  const received: number[] = [];
  await using server = await TestServer.start({
    startJob({ command }) {
      received.push(command.args.length);
      return Promise.resolve(JOB);
    },
  });
  await using client = await server.connect();
  const start = (arg: string) =>
    client.startJob({
      command: { ...JOB.command, args: Array<string>(100_000).fill(arg) },
      labels: {},
      requestId: "",
    });
  await assert.rejects(start("x".repeat(50)), { code: "resource_exhausted" });
  assert.deepEqual(received, []);
  await start("x");
  assert.deepEqual(received, [100_000]);
});

Deno.test("bytes that are no message are refused, and the server lives", async () => {
  await using server = await TestServer.start({});
  using channel = await openChannel(server);
  const method = {
    ...JOB_WORKER.GetJob,
    requestSerialize: () => Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
  };
  await assert.rejects(unaryCall(channel.client, method, { jobId }, FOREVER), { code: "internal" });
  await using client = await server.connect();
  assert.equal(await client.checkHealth(), "serving");
});
