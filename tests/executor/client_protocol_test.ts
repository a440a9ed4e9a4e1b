import { ExecutorClient } from "../../lib/executor/client.ts";
import { type Hello, PROTOCOL } from "../../lib/executor/protocol.ts";
import { FrameConnection } from "../../lib/net/frame_connection.ts";
import { assert } from "../assert.ts";
import { rejection, temporaryDirectory } from "../worker/fixture.ts";

const HELLO: Hello = {
  protocol: PROTOCOL + 1,
  version: "9.0.0 (later)",
  pid: 4711,
  containment: "cgroup",
  isApart: true,
  settings: {
    dataDirectory: "/data",
    home: "/",
    cgroups: true,
    newPrivileges: true,
    jobUids: null,
  },
  jobs: [{ jobId: "a", pid: 1, processIdentity: "", isConfirmed: true, outcome: null }],
};

/** What a client says of an executor that introduces itself so. */
async function saidOf(hello: Hello): Promise<string> {
  await using directory = await temporaryDirectory();
  const socket = `${directory.path}/socket`;
  using listener = Deno.listen({ transport: "unix", path: socket });
  const served = (async () => {
    using connection = new FrameConnection(await listener.accept());
    await connection.send({ kind: "hello", hello });
    for await (const _frame of connection.frames());
  })();
  const error = await rejection(
    ExecutorClient.connect({ socket, logs: directory.path, onFault: () => {} }),
  );
  await served;
  return `${Reflect.get(Object(error), "code")}: ${error}`;
}

Deno.test("An executor of another protocol that has jobs is told apart from one that is gone", async () => {
  const said = await saidOf(HELLO);
  assert.match(
    said,
    /^failed_precondition: .*the jobs \(1\) of executor 4711: version 9\.0\.0 \(later\)/,
  );
  assert.match(said, /speaks protocol 2, and this version speaks 1; .*kill 4711$/);
  assert.match(await saidOf({ ...HELLO, jobs: [] }), /^unavailable: .*speaks protocol 2/);
});
