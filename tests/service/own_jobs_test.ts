import { assert } from "../assert.ts";
import { ADMIN, contextOf, TestService } from "./fixture.ts";

Deno.test("WorkerService.listJobs() tells of the caller's own jobs, if it is asked for those, whatever else they may see", async () => {
  await using fixture = await TestService.open();
  const { service } = fixture;
  const alices = (await fixture.ran("exit 0", "alice")).jobId;
  const bobs = (await fixture.ran("exit 0", "bob")).jobId;
  const ids = async (context: typeof ADMIN, filter = {}, own = true) => {
    const page = await service.listJobs({ filter, own, pageSize: 0, pageToken: "" }, context);
    return page.jobs.map(({ jobId }) => jobId);
  };
  assert.deepEqual(await ids(ADMIN), [alices]);
  assert.deepEqual(await ids(ADMIN, {}, false), [bobs, alices]);
  assert.deepEqual(await ids(contextOf("bob", ["viewer"])), [bobs]);
  assert.deepEqual(await ids(contextOf("bob", ["operator"])), [bobs]);
  assert.deepEqual(await ids(contextOf("carol", ["viewer"])), []);
  assert.deepEqual(await ids(ADMIN, { owner: "bob" }), []);
  assert.deepEqual(await ids(ADMIN, { owner: "alice" }), [alices]);
  assert.deepEqual(await ids(ADMIN, { jobIdSuffix: alices.slice(-12) }), [alices]);
  await assert.rejects(ids(ADMIN, { jobIdSuffix: "a-z" }), {
    code: "invalid_argument",
    message: /^Invalid filter.jobIdSuffix "a-z": must be the end of a job id: 4 to 36/,
  });
});
