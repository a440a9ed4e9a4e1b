import { ExecutorClient } from "../../lib/executor/client.ts";
import { PROTOCOL } from "../../lib/executor/protocol.ts";
import { FrameConnection } from "../../lib/net/frame_connection.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { arriving } from "../net/arriving.ts";
import { encodeFrame } from "../../lib/net/frames.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { soon } from "../soon.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const HELLO = {
  protocol: PROTOCOL,
  version: "9.9.9 (other)",
  pid: 1,
  containment: "cgroup",
  isApart: false,
  settings: { home: "/", cgroups: true },
  jobs: [],
};

/** What an executor says that has a job. */
const HELLO_WITH_JOB = encodeFrame({
  kind: "hello",
  hello: {
    ...HELLO,
    jobs: [{
      jobId: "job",
      pid: 7,
      processIdentity: "identity",
      isConfirmed: true,
      outcome: null,
    }],
  },
});

const NO_PROGRESS = { timeoutMs: 0, stdoutBytes: 0, stderrBytes: 0, logBytes: 0 };

/** Something on a socket that says these bytes to whoever connects, and is gone then or stays. */
async function listening(
  says: Uint8Array<ArrayBuffer>,
  use: (socket: string, connections: Deno.Conn[]) => Promise<void>,
  stays = false,
): Promise<void> {
  await using directory = await temporaryDirectory();
  const socket = `${directory.path}/executor.sock`;
  const listener = Deno.listen({ transport: "unix", path: socket });
  const connections: Deno.Conn[] = [];
  const serving = (async () => {
    for await (const connection of listener) {
      connections.push(connection);
      await connection.write(says);
      if (!stays) connection.close();
    }
  })();
  try {
    await use(socket, connections);
  } finally {
    listener.close();
    await serving.catch(() => {});
    if (stays) { for (const connection of connections) connection.close(); }
  }
}

function connect(socket: string): Promise<ExecutorClient> {
  return ExecutorClient.connect({ socket, logs: "/nonexistent", onFault: () => {} });
}

async function refusal(socket: string): Promise<string> {
  try {
    await using _client = await soon(connect(socket), () => "a connection or an error");
  } catch (error) {
    assert.ok(error instanceof JobWorkerError, String(error));
    assert.equal(error.code, "unavailable");
    assert.ok(error.message.startsWith(`Cannot reach an executor at its socket "${socket}": `));
    return error.message.slice(error.message.indexOf('": ') + 3);
  }
  throw new Error("It has connected");
}

Deno.test("ExecutorClient.connect() names what is wrong with whoever is there", async () => {
  const nonsense = new TextEncoder().encode("\x03\0\0\0\0\0\0\0{no");
  const hello = (part: object) =>
    encodeFrame({ kind: "hello", hello: { ...HELLO, ...part } }) as Uint8Array<ArrayBuffer>;
  const rows: [says: Uint8Array<ArrayBuffer>, why: RegExp][] = [
    [new Uint8Array(), /^it says nothing$/],
    [new Uint8Array([1, 2]), /^it says nothing$/],
    [encodeFrame({ kind: "ended" }), /^it says nothing$/],
    [encodeFrame({ kind: "hello" }), /undefined/],
    [nonsense, /JSON/],
    [
      hello({ protocol: PROTOCOL + 1 }),
      new RegExp(
        `^version 9\\.9\\.9 \\(other\\) speaks protocol ${
          PROTOCOL + 1
        }, and this version speaks ${PROTOCOL}$`,
      ),
    ],
  ];
  for (const [says, why] of rows) {
    await listening(says, async (socket) => assert.match(await refusal(socket), why));
  }
});

Deno.test("ExecutorClient.connect() says that nobody is there", async () => {
  await using directory = await temporaryDirectory();
  assert.match(await refusal(`${directory.path}/none.sock`), /No such file/);
  const socket = `${directory.path}/left.sock`;
  Deno.listen({ transport: "unix", path: socket }).close();
  if (await Deno.lstat(socket).then(() => true, () => false)) {
    assert.match(await refusal(socket), /refused/i);
  }
  await Deno.writeTextFile(`${directory.path}/file.sock`, "");
  assert.match(await refusal(`${directory.path}/file.sock`), /refused|not a socket/i);
});

Deno.test("A client whose executor dies rejects what is under way, and ends its jobs itself no more", async () => {
  await listening(HELLO_WITH_JOB, async (socket, connections) => {
    await using client = await connect(socket);
    const job = client.jobs.get("job");
    assert.deepEqual([job?.pid, job?.processIdentity, job?.isConfirmed], [7, "identity", true]);
    const asked = [
      client.call("progress", { jobIds: ["job"] }),
      client.call("closeInput", { jobId: "job" }),
    ];
    for (const promise of asked) promise.catch(() => {});
    // In the middle of a frame.
    await connections[0]?.write(new Uint8Array([200, 0, 0, 0, 1]));
    await connections[0]?.closeWrite();
    await soon(client.closed, () => "the end of the connection");
    for (const promise of asked) await assert.rejects(promise, /has ended/);
    assert.equal(job?.hasEnded, false);
    assert.deepEqual(await job?.progress(), NO_PROGRESS);
    job?.confirm();
    await job?.orphaned(null);
    assert.equal(await job?.ended, null);
  }, true);
});

Deno.test("A client whose executor is suspended does not wait for ever for how far a job is", async () => {
  await listening(HELLO_WITH_JOB, async (socket) => {
    await using client = await connect(socket);
    const job = client.jobs.get("job");
    assert.deepEqual(
      await soon(Promise.resolve(job?.progress()), () => "what it knows"),
      NO_PROGRESS,
    );
  }, true);
});

Deno.test("A client sends what nobody waits for with the next call, or by itself a moment later", async () => {
  await listening(HELLO_WITH_JOB, async (socket, connections) => {
    await using client = await connect(socket);
    const [connection] = connections;
    assert.ok(connection);
    // What comes in one write is read at once.
    const heard = async () => {
      const buffer = new Uint8Array(64 * 1024);
      const length = await soon(connection.read(buffer), () => "what the client sends");
      const frames = new FrameConnection(arriving(buffer.slice(0, length ?? 0)).connection);
      const names: string[] = [];
      for await (const { head } of frames.frames()) {
        names.push(String(Reflect.get(Object(head), "name")));
      }
      return names;
    };
    const job = client.jobs.get("job");
    using timers = new FakeTimers();
    job?.confirm();
    timers.pass(1);
    const asked = client.call("closeInput", { jobId: "job" });
    asked.catch(() => {});
    assert.deepEqual(await heard(), ["confirm", "closeInput"]);
    job?.release();
    timers.pass(100);
    assert.deepEqual(await heard(), ["release"]);
    job?.confirm();
    await client[Symbol.asyncDispose]();
    assert.deepEqual(await heard(), ["confirm"], "It keeps none to itself");
    await assert.rejects(asked, /has ended/);
  }, true);
});
