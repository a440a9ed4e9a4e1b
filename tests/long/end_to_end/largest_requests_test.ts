import { Buffer } from "node:buffer";
import { messageOf } from "../../../lib/errors.ts";
import { Channel } from "../../../lib/grpc/channel.ts";
import { streamCall, unaryCall } from "../../../lib/grpc/client_call.ts";
import { wireName } from "../../../lib/grpc/codecs.ts";
import { type ClientMaterial, endpointOf } from "../../../lib/grpc/endpoint.ts";
import type { MethodDefinition } from "../../../lib/grpc/grpc.ts";
import { JobWorkerError } from "../../../lib/errors.ts";
import { JOB_WORKER } from "../../../lib/grpc/protocol.ts";
import { type Operation, OPERATIONS } from "../../../lib/rest/operations.ts";
import {
  isStream,
  JOB_METHODS,
  type JobMethod,
  MAX_DENIED_BYTES,
} from "../../../lib/service/methods.ts";
import { assert } from "../../assert.ts";
import { gatewaysOf } from "../../gateway/fixture.ts";
import { fc } from "../../random.ts";
import { basic } from "../../rest/fixture.ts";
import { PASSWORD, startRestDaemon } from "../../rest/real_daemon.ts";
import { soon } from "../../soon.ts";
import { bodiesOf, messagesOf } from "./largest_requests.ts";
import type { FromNeighbour, ToNeighbour } from "./neighbour_worker.ts";

/** How often each method and operation is called. */
const CALLS = 40;

/** How long a call may last that only an event ends. */
const PATIENCE_MS = 1_000;

/** The longest that any call may take beside that; most take a hundredth of it. */
const MAX_CALL_MS = 10_000;

/** How long a neighbour may wait for an answer, but for one call in ten; longer where an idle daemon takes long, too. */
const MAX_NEIGHBOUR_MS = 250;

/** The most memory that engine and gateway may ever have held, in MiB: an idle one has a sixth of it. */
const MAX_MEMORY_MIB = 768;

/** Somebody who asks for their job all the time. */
class Neighbour implements AsyncDisposable {
  readonly #thread = new Worker(new URL("./neighbour_worker.ts", import.meta.url), {
    type: "module",
  });
  #idle: readonly number[] = [];

  constructor(address: string, material: ClientMaterial, jobId: string) {
    const { ca, cert, key } = material;
    this.#tell({ kind: "ask", address, material: { ca, cert, key }, jobId });
  }

  /** Takes the time while nobody else calls. */
  async rest(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    this.#idle = await this.#times();
  }

  /** Holds that it was answered while others called. */
  async wasServed(during: () => Promise<void>): Promise<void> {
    await this.#times();
    await during();
    // The call that began last is to end as well.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const times = await this.#times();
    const [idle, busy] = [this.#idle, times].map((times) => quantile(times, 0.9));
    const limit = MAX_NEIGHBOUR_MS + 20 * (idle ?? 0);
    assert.ok(times.length > 0, "Never answered");
    assert.ok((busy ?? 0) <= limit, `${busy} ms, and ${idle} ms while idle: ${times}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tell({ kind: "stop" });
    await this.#next();
    this.#thread.terminate();
  }

  async #times(): Promise<readonly number[]> {
    this.#tell({ kind: "tell" });
    const message = await this.#next();
    return "times" in message ? message.times : assert.fail("It has stopped");
  }

  #tell(message: ToNeighbour): void {
    this.#thread.postMessage(message);
  }

  #next(): Promise<FromNeighbour> {
    const { promise, resolve, reject } = Promise.withResolvers<FromNeighbour>();
    this.#thread.onmessage = ({ data }: MessageEvent<FromNeighbour>) => resolve(data);
    this.#thread.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`The neighbour was not served: ${event.message}`));
    };
    return soon(promise, () => "what the neighbour tells");
  }
}

function quantile(numbers: readonly number[], part: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(part * numbers.length)] ?? 0;
}

/** The most memory that a process has ever held, in MiB. */
async function peakOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** Holds that a call ends in time, as a call may end that somebody else's program has made. */
async function ended(what: () => string, call: Promise<unknown>): Promise<void> {
  const before = performance.now();
  const error = await call.then(() => null, (error: unknown) => error);
  const tookMs = performance.now() - before;
  assert.ok(tookMs < MAX_CALL_MS + PATIENCE_MS, `${what()} took ${tookMs} ms`);
  if (error === null) return;
  assert.ok(error instanceof JobWorkerError, `${what()}: ${messageOf(error)}`);
  // Only bytes that are no message at all are an internal error, as everywhere in gRPC.
  const isExpected = !["internal", "unavailable", "data_loss"].includes(error.code) ||
    /^Cannot read the request: /.test(error.message);
  assert.ok(isExpected, `${what()}: ${error.code} ${error.message}`);
}

await using resources = new AsyncDisposableStack();
const { certificates, daemon, restAddress, http } = resources.use(await startRestDaemon());
const { ca } = await certificates.material("client");
const [operator, stranger] = [
  { ca, ...await certificates.issue({ subject: [["O", "operator"], ["CN", "olga"]] }) },
  { ca, ...await certificates.issue({ subject: [["CN", "nobody"]] }) },
];
const jobIds = [await daemon.sh("sleep 10000"), await daemon.ran("echo over")];
const neighbour = resources.use(
  new Neighbour(daemon.address, await certificates.material("client"), jobIds[0] ?? ""),
);
await neighbour.rest();
const gateways = await gatewaysOf(daemon.pid);
const owned = resources.move();
Deno.test.afterAll(async () => {
  await owned[Symbol.asyncDispose]();
});

/** Sends these bytes as the request of a method. */
async function send(channel: Channel, method: JobMethod, message: Uint8Array): Promise<void> {
  const raw = {
    ...JOB_WORKER[wireName(method)],
    requestSerialize: (message: Uint8Array) => Buffer.from(message),
  } as unknown as MethodDefinition<Uint8Array, unknown>;
  const limits = { deadline: Date.now() + PATIENCE_MS + MAX_CALL_MS };
  if (!isStream(method)) {
    const isOpen = ["waitJob", "writeInput"].includes(method);
    const deadline = isOpen ? Date.now() + PATIENCE_MS : limits.deadline;
    await unaryCall(channel.client, raw, message, { deadline });
    return;
  }
  const deadline = Date.now() + PATIENCE_MS;
  for await (const _ of streamCall(channel.client, raw, message, { deadline }));
}

async function withChannel(
  material: ClientMaterial,
  use: (channel: Channel) => Promise<void>,
): Promise<void> {
  using channel = new Channel(endpointOf(daemon.address, material), { connectTimeoutMs: 60_000 });
  await channel.ready({ deadline: Infinity });
  await use(channel);
}

async function heldMemory(): Promise<void> {
  const { stderr } = await daemon.outputs();
  assert.deepEqual(await gatewaysOf(daemon.pid), gateways, `Another gateway: ${stderr}`);
  for (const pid of [daemon.pid, ...gateways]) {
    const peak = await peakOf(pid);
    assert.ok(peak < MAX_MEMORY_MIB, `Process ${pid} held ${peak} MiB`);
  }
}

/** grpc-js closes a connection when it gets round to it, and ends the timers of that only then. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

for (const method of JOB_METHODS) {
  test(`${method} costs no more than it may, whatever it is sent, and others are served`, () =>
    withChannel(operator, (channel) =>
      neighbour.wasServed(async () => {
        const calls = fc.asyncProperty(messagesOf(method, jobIds), async (message) => {
          const what = () => `${message.length} bytes, ${message.subarray(0, 60).toHex()}`;
          await ended(what, send(channel, method, message));
        });
        await fc.assert(calls, { numRuns: CALLS, endOnFailure: true });
        await heldMemory();
      })));
}

test("somebody without a role costs no more than that", () =>
  withChannel(stranger, (channel) =>
    neighbour.wasServed(async () => {
      const env = Object.fromEntries(
        Array.from({ length: 400_000 }, (_, index) => [index.toString(36), ""]),
      );
      const command = { name: "true", args: [], env, workingDirectory: "" };
      const request = {
        ...{ command, labels: {}, name: "", requestId: "", logLimit: null, execution: null },
        on: null,
        priority: 0,
        ifHostLost: "IF_HOST_LOST_UNSPECIFIED" as const,
        notify: "",
      };
      const message = JOB_WORKER.StartJob.requestSerialize(request);
      const starts = Array.from({ length: 30 }, () => send(channel, "startJob", message));
      for (const start of await Promise.allSettled(starts)) {
        assert.equal(start.status === "rejected" && start.reason.code, "permission_denied");
      }
      await heldMemory();
    })));

test("a long name and a PATH of many directories are refused before they are put together", () =>
  withChannel(operator, (channel) =>
    neighbour.wasServed(async () => {
      const PATH = ":".repeat(130_000);
      const command = { name: "n".repeat(130_000), args: [], env: { PATH }, workingDirectory: "" };
      const request = {
        ...{ command, labels: {}, name: "", requestId: "", logLimit: null, execution: null },
        on: null,
        priority: 0,
        ifHostLost: "IF_HOST_LOST_UNSPECIFIED" as const,
        notify: "",
      };
      const message = JOB_WORKER.StartJob.requestSerialize(request);
      await assert.rejects(send(channel, "startJob", message), {
        code: "invalid_argument",
        message: /^Invalid command name "n+…": 130000 bytes .*NAME_MAX/,
      });
      const short = JOB_WORKER.StartJob.requestSerialize({
        ...request,
        command: { ...command, name: "true" },
      });
      await assert.rejects(send(channel, "startJob", short), {
        code: "invalid_argument",
        message: /"PATH" ":+…": 130001 directories, and at most 512/,
      });
      const [status, text] = await ask("POST", "/v1/jobs", JSON.stringify({ command }), "alice");
      assert.equal(status, 400, text);
      await heldMemory();
    })));

/** Calls an operation of REST, and returns the status and the beginning of the answer. */
async function ask(
  method: string,
  path: string,
  body: string | null,
  user: string,
  headers: Record<string, string> = {},
): Promise<[number, string]> {
  const response = await fetch(`https://${restAddress}${path}`, {
    client: http,
    method,
    headers: {
      Authorization: basic(user, PASSWORD),
      "Content-Type": "application/json",
      ...headers,
    },
    body,
    signal: AbortSignal.timeout(PATIENCE_MS + MAX_CALL_MS),
  }).catch((error: unknown) => {
    // The answer came, and the connection ended, before all of the body was sent.
    if ((body?.length ?? 0) > MAX_DENIED_BYTES && isCutOff(error)) return null;
    throw error;
  });
  if (response === null) return [403, ""];
  const reader = response.body?.getReader();
  const { value } = await reader?.read() ?? {};
  await reader?.cancel();
  return [response.status, new TextDecoder().decode(value).slice(0, 300)];
}

function isCutOff(error: unknown): boolean {
  return error instanceof TypeError &&
    /Broken pipe|reset|close_notify|connection closed/i.test(messageOf(error.cause));
}

const QUERIES = [
  ["status", "running"],
  ["label", "a=b"],
  ["owner", "o"],
  ["jobIdPrefix", "0"],
  ["pageSize", "1000"],
  ["pageToken", "x"],
  ["startedAfter", "2026-01-01T00:00:00Z"],
  ["follow", "1"],
  ["tail", "1000000000"],
  ["offset", "9007199254740991"],
  ["q", "x"],
] as const;

/** Queries with many parameters, or long ones. */
const queries = fc.array(
  fc.tuple(
    fc.constantFrom(...QUERIES),
    fc.constantFrom(1, 2, 65, 500),
    fc.constantFrom(0, 1, 64, 3_000),
  ),
  { maxLength: 3 },
).map((parts) =>
  parts.flatMap(([[name, value], count, more]) =>
    Array(count).fill(`${name}=${encodeURIComponent(value)}${"x".repeat(more)}`)
  ).join("&").slice(0, 8_000)
);

for (const [id, { method, path }] of Object.entries<Operation>(OPERATIONS)) {
  test(`REST: ${id} costs no more than it may, whatever it is sent, and others are served`, () =>
    neighbour.wasServed(async () => {
      const bodies = method === "GET" ? fc.constant(null) : bodiesOf(jobIds);
      const calls = fc.asyncProperty(
        bodies,
        queries,
        fc.constantFrom(...jobIds, "x".repeat(2_000)),
        fc.constantFrom({}, { "Last-Event-ID": "1".repeat(2_000) }, {
          Accept: "a/b,".repeat(500),
        }),
        fc.constantFrom("alice", "victor"),
        async (body, query, jobId, headers, user) => {
          const target = `${path.replace("{jobId}", jobId)}?${query}`;
          const before = performance.now();
          const [status, text] = await ask(method, target, body, user, headers);
          const tookMs = performance.now() - before;
          const what = `${target.slice(0, 200)} ${body?.slice(0, 200)}: ${status} ${text}`;
          assert.ok(tookMs < MAX_CALL_MS, `${what} took ${tookMs} ms`);
          assert.ok(status < 500, what);
        },
      );
      await fc.assert(calls, { numRuns: CALLS, endOnFailure: true });
      await heldMemory();
    }));
}
