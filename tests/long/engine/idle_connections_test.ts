import { assert } from "../../assert.ts";
import { context, TestEngine } from "../../engine/fixture.ts";
import { JOB } from "../../grpc/fixture.ts";
import { openDescriptors, until } from "../../worker/fixture.ts";

const CALLS = 50;

async function openSockets(): Promise<number> {
  return (await openDescriptors()).filter((link) => link.startsWith("socket:")).length;
}

Deno.test("EngineClient closes the connections of a rush soon after it", async () => {
  const release = Promise.withResolvers<void>();
  let calls = 0;
  await using engine = await TestEngine.start({
    async getJob() {
      calls++;
      await release.promise;
      return JOB;
    },
  }, { maxCalls: 4 * CALLS });
  const before = await openSockets();
  const { jobId } = JOB;
  const answers = Promise.all(
    Array.from({ length: CALLS }, () => engine.client.getJob({ jobId }, context())),
  );
  await until(() => Promise.resolve(calls === CALLS));
  // Both ends are in this process.
  assert.ok(await openSockets() >= before + 2 * CALLS);
  release.resolve();
  await answers;
  await until(async () => await openSockets() <= before + 2);
});
