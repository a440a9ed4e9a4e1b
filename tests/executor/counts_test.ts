import { ExecutorClient } from "../../lib/executor/client.ts";
import { PROTOCOL, type ToExecutor } from "../../lib/executor/protocol.ts";
import { FrameConnection } from "../../lib/net/frame_connection.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";
import { launch, SETTINGS, TestServer } from "./server_fixture.ts";

Deno.test("An executor tells how much its jobs have printed, of those that run and have ended", async () => {
  await using server = await TestServer.start();
  await using client = await server.connect();
  await launch(client, "running", "echo four; echo err >&2; exec sleep 1000");
  const written = async () => (await client.counts())?.written;
  await until(async () => (await written())?.stdout === 5 && (await written())?.stderr === 4);
  const ended = await launch(client, "ended", "echo out");
  await ended.ended;
  assert.deepEqual(await written(), { stdout: 9, stderr: 4 });
  ended.release();
  // What is forgotten has been written all the same.
  await until(() => Promise.resolve(server.server.size === 1));
  const counts = await client.counts();
  assert.deepEqual(counts?.written, { stdout: 9, stderr: 4 });
  assert.ok(counts.residentBytes > 1e6);
  assert.ok(counts.flushes.seconds.counts.some((count) => count > 0));
});

/** An executor that says hello, and to each call what the test says; counts the calls. */
async function withExecutor(
  answer: (id: number) => object | null,
  use: (client: ExecutorClient, calls: () => number) => Promise<void>,
): Promise<void> {
  await using directory = await temporaryDirectory();
  const socket = `${directory.path}/socket`;
  using listener = Deno.listen({ transport: "unix", path: socket });
  let calls = 0;
  const served = (async () => {
    using connection = new FrameConnection(await listener.accept());
    const hello = {
      ...{ protocol: PROTOCOL, version: "", pid: 1, containment: "cgroup", isApart: true },
      ...{ settings: SETTINGS, jobs: [] },
    };
    await connection.send({ kind: "hello", hello });
    for await (const { head } of connection.frames()) {
      const message = head as ToExecutor;
      if (message.kind !== "call") continue;
      calls++;
      const said = answer(message.id);
      if (said === null) return;
      if ("kind" in said) await connection.send(said);
    }
  })();
  {
    await using client = await ExecutorClient.connect({
      socket,
      logs: directory.path,
      onFault: () => {},
    });
    await use(client, () => calls);
  }
  await served;
}

Deno.test("An executor of an older build, which cannot tell, is none that is gone", async () => {
  const unknown = (id: number) => ({
    kind: "error",
    id,
    error: { code: null, message: 'This executor knows no call "count"' },
  });
  await withExecutor(unknown, async (client) => assert.equal(await client.counts(), null));
  await withExecutor(() => null, async (client) => {
    await assert.rejects(client.counts(), { code: "unavailable" });
  });
});

Deno.test("An executor that is stuck is asked once, however often somebody wants to know", async () => {
  await withExecutor(() => ({}), async (client, calls) => {
    const asked = [client.counts(), client.counts()];
    for (const counts of asked) counts.catch(() => {});
    await until(() => Promise.resolve(calls() === 1));
    const third = client.counts();
    assert.equal(third, asked[0]);
    third.catch(() => {});
  });
});
