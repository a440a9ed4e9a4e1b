/** What the hub writes down of a start that a host has answered. */

import { assert } from "../assert.ts";
import { job } from "../executor/job_fixture.ts";
import { contextOf, TRUE } from "../service/fixture.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { FakeHost, openHubIn } from "./fake_hosts.ts";

Deno.test("What a host answers to a start is on the disk without the values of its variables", async () => {
  await using directory = await temporaryDirectory();
  const secret = `secret-${crypto.randomUUID()}`;
  const a = new FakeHost("a");
  a.start = ({ jobId, start: { command } }) =>
    Promise.resolve(job({ jobId, owner: "bob", command }));
  await using test = await openHubIn(directory.path, [a]);
  const command = { ...TRUE, env: { TOKEN: secret } };
  const { jobId } = await test.hub.startJob(
    { command, labels: {}, requestId: "" },
    contextOf("bob", ["operator"]),
  );
  const { jobs: [seen] } = await test.hub.listJobs(
    { filter: {}, pageSize: 0, pageToken: "" },
    contextOf("eve", ["viewer"]),
  );
  assert.deepEqual([seen?.jobId, seen?.command.env], [jobId, { TOKEN: "***" }]);
  for await (const { name } of Deno.readDir(directory.path)) {
    const bytes = await Deno.readFile(`${directory.path}/${name}`);
    assert.ok(!new TextDecoder("latin1").decode(bytes).includes(secret), name);
  }
});
