import { delay } from "../../lib/async/delay.ts";
import { EngineClient } from "../../lib/engine/client.ts";
import { assert } from "../assert.ts";
import { JOB } from "../grpc/fixture.ts";
import { rejection, temporaryDirectory, until } from "../worker/fixture.ts";
import { context, TestEngine } from "./fixture.ts";

const { jobId } = JOB;

/** What may happen to the file of a socket. */
const SWEEPS: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  "is removed": (path) => Deno.remove(path),
  "is another file": async (path) => {
    await Deno.remove(path);
    await Deno.writeTextFile(path, "");
  },
  "is the socket of somebody else": async (path) => {
    const other = `${path}.other`;
    await Deno.remove(path);
    using _other = Deno.listen({ transport: "unix", path: other });
    await Deno.chmod(other, 0o600);
    // Or its end would remove it.
    await Deno.rename(other, path);
  },
  "is moved away": (path) => Deno.rename(path, `${path}.old`),
  "is a link": async (path) => {
    await Deno.rename(path, `${path}.old`);
    await Deno.symlink(`${path}.old`, path);
  },
  "is closed to us": (path) => Deno.chmod(path, 0),
};

for (const [what, sweep] of Object.entries(SWEEPS)) {
  Deno.test(`EngineServer.restoreSocket() makes a socket anew that ${what}, and only then`, async () => {
    await using engine = await TestEngine.start({ getJob: () => Promise.resolve(JOB) });
    assert.equal(await engine.restoreSocket(), false);
    await sweep(engine.path);
    assert.deepEqual(
      (await Promise.all([1, 2, 3].map(() => engine.restoreSocket()))).toSorted(),
      [false, false, true],
      "It is made once",
    );
    const { isSocket, mode } = await Deno.lstat(engine.path);
    assert.deepEqual([isSocket, (mode ?? 0) & 0o777], [true, 0o600]);
    using client = new EngineClient(engine.path);
    await client.reach();
    assert.deepEqual(await client.getJob({ jobId }, context()), JOB);
    assert.equal(await engine.restoreSocket(), false);
  });
}

Deno.test("EngineServer.restoreSocket() lets the calls under way go on, and its end ends them all", async () => {
  const next = Promise.withResolvers<void>();
  await using engine = await TestEngine.start({
    async *watchJobs(_request, { signal }) {
      yield JOB;
      await next.promise;
      yield JOB;
      await delay(600_000, { signal });
    },
  });
  const watch = () => engine.client.watchJobs({ filter: {} }, context())[Symbol.asyncIterator]();
  const before = watch();
  assert.deepEqual(await before.next(), { value: JOB, done: false });
  await Deno.remove(engine.path);
  assert.equal(await engine.restoreSocket(), true);
  const after = watch();
  assert.deepEqual(await after.next(), { value: JOB, done: false });
  next.resolve();
  assert.deepEqual(await before.next(), { value: JOB, done: false });
  assert.deepEqual(await after.next(), { value: JOB, done: false });
  await engine.close();
  assert.equal(await engine.restoreSocket(), false, "What has ended listens no more");
  for (const stream of [before, after]) {
    await assert.rejects(Promise.resolve(stream.next()), { code: "unavailable" });
  }
});

Deno.test("EngineServer that ends while it restores its socket no longer listens", async () => {
  await using engine = await TestEngine.start({});
  await Deno.remove(engine.path);
  const restoring = engine.restoreSocket();
  // By then it looks at the file.
  for (let turn = 0; turn < 10; turn++) await null;
  await engine.close();
  await restoring;
  await assert.rejects(engine.client.reach(), { code: "unavailable" });
});

Deno.test("EngineServer.restoreSocket() says why it cannot", async () => {
  await using engine = await TestEngine.start({});
  await Deno.remove(engine.path);
  await Deno.mkdir(`${engine.path}/directory`, { recursive: true });
  await assert.rejects(engine.restoreSocket(), {
    code: "failed_precondition",
    message: /^Cannot make the engine's socket ".*\/engine\.sock": .*(not empty|directory)/i,
  });
  await Deno.remove(engine.path, { recursive: true });
  assert.equal(await engine.restoreSocket(), true);
});

Deno.test("EngineClient.reach() tells an engine from nothing and from another program", async () => {
  await using engine = await TestEngine.start({});
  await engine.client.reach();
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/other.sock`;
  using client = new EngineClient(path);
  const where = `Cannot reach the job engine at its socket "${path}": `;
  await assert.rejects(client.reach(), {
    code: "unavailable",
    message: `${where}No such file or directory`,
  });
  await using _other = Deno.serve({ path, onListen: () => {} }, () => new Response("hello"));
  await assert.rejects(client.reach(), {
    code: "unavailable",
    message: `${where}another program answers there`,
  });
});

Deno.test("EngineClient has the socket restored for a call that cannot connect, and sends it once", async () => {
  let calls = 0;
  await using engine = await TestEngine.start({ startJob: () => Promise.resolve((calls++, JOB)) });
  let restorations = 0;
  using client = new EngineClient(engine.path, {
    restoreSocket: async () => {
      restorations++;
      await engine.restoreSocket();
    },
  });
  const { command } = JOB;
  const start = () => client.startJob({ command, labels: {}, requestId: "" }, context());
  await Deno.remove(engine.path);
  assert.deepEqual(await start(), JOB);
  assert.deepEqual(await start(), JOB);
  assert.deepEqual([calls, restorations], [2, 1]);
});

Deno.test("EngineClient says why the socket cannot be restored, and waits no longer than its call", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/engine.sock`;
  const fault = new Error("No room");
  using refused = new EngineClient(path, { restoreSocket: () => Promise.reject(fault) });
  await assert.rejects(refused.getJob({ jobId }, context()), {
    code: "unavailable",
    message: "The job engine does not answer: No room",
  });
  using idle = new EngineClient(path, { restoreSocket: () => Promise.resolve() });
  await assert.rejects(idle.getJob({ jobId }, context()), {
    code: "unavailable",
    message: "The job engine does not answer: No such file or directory",
  });
  let asked = false;
  using waiting = new EngineClient(path, {
    restoreSocket: () => {
      asked = true;
      return new Promise(() => {});
    },
  });
  const controller = new AbortController();
  const failed = rejection(waiting.getJob({ jobId }, context(controller.signal)));
  await until(() => Promise.resolve(asked));
  const reason = new Error("Left");
  controller.abort(reason);
  assert.equal(await failed, reason);
});
