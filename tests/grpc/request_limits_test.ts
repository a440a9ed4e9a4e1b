import { gzipSync } from "node:zlib";
import { Buffer } from "node:buffer";
import http2 from "node:http2";
import { JobWorkerError } from "../../lib/errors.ts";
import { JOB_WORKER } from "../../lib/grpc/protocol.ts";
import { MAX_DENIED_BYTES, METHODS } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";
import { eachMethod } from "../service/samples.ts";
import { until } from "../worker/fixture.ts";
import { JOB, TestServer } from "./fixture.ts";

const START = {
  command: JOB.command,
  labels: {},
  name: "",
  requestId: "",
  logLimit: null,
  execution: null,
  on: null,
  priority: 0,
  ifHostLost: "IF_HOST_LOST_UNSPECIFIED" as const,
  notify: "",
};

/** A message of a start with so many bytes. */
function startOf(bytes: number): Buffer {
  const of = (length: number) =>
    JOB_WORKER.StartJob.requestSerialize({
      ...START,
      command: { ...JOB.command, args: ["a".repeat(length)] },
    });
  const most = of(bytes);
  return of(bytes - (most.length - bytes));
}

/** Sends bytes as the message of a call, and returns the status of the answer. */
async function call(
  server: TestServer,
  as: "client" | "operator" | "viewer",
  options: {
    method: string;
    message: Uint8Array;
    announced?: number;
    encoding?: string;
    isOpen?: boolean;
  },
): Promise<{ status: string; message: string }> {
  const { method, message, announced = message.length, encoding, isOpen = false } = options;
  const { ca, cert, key } = await server.certificates.material(as);
  const session = http2.connect(`https://localhost:${server.port}`, { ca, cert, key });
  const closed = new Promise((resolve) => session.once("close", resolve));
  session.on("error", () => {});
  try {
    const stream = session.request({
      ":method": "POST",
      ":path": method,
      "content-type": "application/grpc",
      te: "trailers",
      ...(encoding !== undefined && { "grpc-encoding": encoding }),
    });
    const received: http2.IncomingHttpHeaders = {};
    stream.on("response", (headers) => Object.assign(received, headers));
    stream.on("trailers", (headers) => Object.assign(received, headers));
    stream.on("error", () => {});
    stream.resume();
    const prefix = Buffer.alloc(5);
    prefix.writeUInt8(encoding === undefined ? 0 : 1, 0);
    prefix.writeUInt32BE(announced, 1);
    stream.write(Buffer.concat([prefix, message]));
    if (isOpen) stream.once("end", () => stream.close());
    else stream.end();
    await new Promise((resolve) => stream.once("close", resolve));
    return {
      status: String(received["grpc-status"]),
      message: decodeURI(String(received["grpc-message"] ?? "")),
    };
  } finally {
    session.destroy();
    await closed;
  }
}

/** A server whose service denies all that changes anything to viewers, and tells what it was asked. */
async function listen(): Promise<{ server: TestServer; asked: { command: { args: string[] } }[] }> {
  const asked: { command: { args: string[] } }[] = [];
  const server = await TestServer.start(eachMethod((_, request, { caller }) => {
    asked.push(request as { command: { args: string[] } });
    return caller.identity.roles.includes("viewer")
      ? Promise.reject(new JobWorkerError("permission_denied", "You may not"))
      : Promise.resolve(JOB);
  }));
  return { server, asked };
}

Deno.test("a large request of somebody who may not make it is not received, but refused by the service", async () => {
  const { server, asked } = await listen();
  await using _server = server;
  const method = JOB_WORKER.StartJob.path;
  const lengths = async (message: Uint8Array, encoding?: string) => {
    const answer = await call(server, "viewer", { method, message, ...(encoding && { encoding }) });
    assert.deepEqual(answer, { status: "7", message: "You may not" });
    return asked.splice(0).map(({ command: { args } }) => args[0]?.length ?? 0);
  };
  const most = startOf(MAX_DENIED_BYTES);
  assert.equal(most.length, MAX_DENIED_BYTES);
  const [kept = 0] = await lengths(most);
  assert.ok(kept > MAX_DENIED_BYTES - 100, "What is small is in the audit trail");
  assert.deepEqual(await lengths(startOf(MAX_DENIED_BYTES + 1)), [0]);
  assert.deepEqual(await lengths(startOf(METHODS.startJob.maxRequestBytes)), [0]);
  // More than anybody may send, and what is no message: nobody looks at it.
  assert.deepEqual(await lengths(new Uint8Array(5_000_000).fill(0xff)), [0]);
  // The answer does not wait for what never comes.
  const announced = {
    method,
    message: new Uint8Array(100_000),
    announced: 2 ** 32 - 1,
    isOpen: true,
  };
  assert.deepEqual(await call(server, "viewer", announced), {
    status: "7",
    message: "You may not",
  });
  assert.equal(asked.splice(0).length, 1);
  // A thousandth as large as it is when it is unpacked.
  assert.deepEqual(await lengths(gzipSync(startOf(500_000)), "gzip"), [0]);
  assert.deepEqual(server.faults, []);
});

Deno.test("a request of somebody who may make it is received up to the limit of its method", async () => {
  const { server, asked } = await listen();
  await using _server = server;
  const { path } = JOB_WORKER.StartJob;
  const most = METHODS.startJob.maxRequestBytes;
  const send = (message: Uint8Array, encoding?: string) =>
    call(server, "operator", { method: path, message, ...(encoding && { encoding }) });
  assert.equal((await send(startOf(most))).status, "0");
  assert.equal((await send(gzipSync(startOf(most)), "gzip")).status, "0");
  assert.deepEqual(
    asked.splice(0).map(({ command: { args: [arg = ""] } }) => arg.length > most - 100),
    [
      true,
      true,
    ],
  );
  const tooLarge = await send(startOf(most + 1));
  assert.deepEqual(tooLarge, {
    status: "8",
    message: `Received message larger than max (${most + 1} bytes, and ${path} takes ${most})`,
  });
  assert.equal((await send(gzipSync(startOf(most + 1)), "gzip")).status, "8");
  assert.deepEqual(asked, []);
});

Deno.test("requests that are begun and not finished have a limit for each user", async () => {
  const { server, asked } = await listen();
  await using _server = server;
  const { path } = JOB_WORKER.StartJob;
  const most = METHODS.startJob.maxRequestBytes;
  const { ca, cert, key } = await server.certificates.material("operator");
  const session = http2.connect(`https://localhost:${server.port}`, { ca, cert, key });
  const closed = new Promise((resolve) => session.once("close", resolve));
  session.on("error", () => {});
  /** Begins a request, and returns its stream once the server has seen as much. */
  const begin = async () => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => {});
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(most, 1);
    await new Promise((resolve) => stream.write(prefix, resolve));
    return stream;
  };
  try {
    const begun = await Promise.all(Array.from({ length: 16 }, begin));
    const tooMany = { method: path, message: startOf(100_000) };
    const refused = await until(async () => {
      const answer = await call(server, "operator", tooMany);
      return answer.status === "8" && answer;
    });
    assert.match(refused.message, /^Too many large requests of user "operator" at once: .* 64 MiB/);
    assert.equal(
      (await call(server, "operator", { method: path, message: startOf(60_000) })).status,
      "0",
    );
    begun[0]?.close();
    await until(async () => (await call(server, "operator", tooMany)).status === "0");
    // What has come whole is not counted any more.
    assert.equal((await call(server, "operator", tooMany)).status, "0");
    for (const stream of begun) stream.close();
  } finally {
    session.destroy();
    await closed;
  }
  assert.deepEqual(server.faults, []);
  assert.ok(asked.length >= 3);
});

Deno.test("every call has a limit of its own, which is known before its message comes", async () => {
  const { server, asked } = await listen();
  await using _server = server;
  const limits = Object.entries(METHODS).map(([name, { maxRequestBytes }]) =>
    [
      `/jobworker.v1.JobWorker/${name.charAt(0).toUpperCase()}${name.slice(1)}`,
      maxRequestBytes,
    ] as const
  );
  const others = ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"];
  for (const service of ["v1", "v1alpha"]) {
    others.push(`/grpc.reflection.${service}.ServerReflection/ServerReflectionInfo`);
  }
  for (const [method, max] of [...limits, ...others.map((path) => [path, 8192] as const)]) {
    // Nothing of it comes but the announcement.
    const announced = { method, message: new Uint8Array(), announced: max + 1 };
    // An admin may call every one of them.
    const { status, message } = await call(server, "client", announced);
    assert.equal(status, "8", method);
    assert.match(message, new RegExp(`${max + 1} bytes, and ${method} takes ${max}`));
  }
  assert.deepEqual(asked, []);
});

Deno.test("a list or map with too many entries is refused before it is made, naming the field", async () => {
  const { server, asked } = await listen();
  await using _server = server;
  const { path, requestSerialize } = JOB_WORKER.StartJob;
  const env = Object.fromEntries(
    Array.from({ length: 400_000 }, (_, index) => [index.toString(36), ""]),
  );
  const message = requestSerialize({ ...START, command: { ...JOB.command, env } });
  assert.deepEqual(await call(server, "operator", { method: path, message }), {
    status: "3",
    message: "Invalid command.env: it has 400000 entries, and at most 4096 are accepted",
  });
  assert.deepEqual(asked, []);
  assert.deepEqual(server.faults, []);
});
