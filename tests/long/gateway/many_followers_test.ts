import { connect } from "../../../lib/grpc/client.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { TestHouse } from "../../gateway/fixture.ts";
import { soon } from "../../soon.ts";
import { FROM_START, rejection } from "../../worker/fixture.ts";

Deno.test("One who follows as many logs as a user may can still look at a job and stop it", async () => {
  await using certificates = await TestCertificates.create();
  await using house = await TestHouse.start(certificates, { expected: /^$/ });
  // A quarter of all calls, which depend on how many files a process may open here: 1,024 of 4,096.
  const [, calls] = await house.diagnosed(/ descriptors for \d+ connections, (\d+) calls /);
  const share = Math.ceil(Number(calls) / 4);
  // Over one connection, which has a limit of its own.
  const material = await certificates.material("operator");
  await using client = await connect({ address: house.daemon.address, ...material });
  const command = { name: "sh", args: ["-c", "echo on; exec sleep 1000"] };
  const { jobId } = await client.startJob({ command });
  const follow = () => client.streamLogs({ jobId, follow: true, start: FROM_START });
  const followers = Array.from({ length: share }, follow);
  await soon(
    Promise.all(followers.map((follower) => follower.next())),
    () => `the first bytes for ${share} followers`,
  );
  assert.match(
    String(await soon(rejection(follow().next()), () => "the refusal of one more follower")),
    new RegExp(`More than ${share} calls of user "operator" at once`),
  );
  const { end } = await soon(client.getJob({ jobId }), () => "a look at the job");
  assert.equal(end, null);
  const stopped = await soon(client.stopJob({ jobId }), () => "the stop of the job");
  assert.equal(stopped.end?.status, "cancelled");
  for (const follower of followers) {
    const last = await soon(Array.fromAsync(follower), () => "the end of a follower");
    assert.equal(last.at(-1)?.finishedJob?.end?.status, "cancelled");
  }
});
