import { JobWorkerError } from "../../lib/errors.ts";
import type { JobFilter } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { rejection, until } from "../worker/fixture.ts";
import { ADMIN, contextOf, TestService } from "./fixture.ts";

Deno.test("WorkerService.listJobs() pages without a gap or a repeat, the newest first", async () => {
  await using fixture = await TestService.open();
  const { service } = fixture;
  const started: string[] = [];
  for (let n = 0; n < 7; n++) {
    const owner = n % 2 === 0 ? "alice" : "bob";
    started.unshift((await fixture.ran("exit 0", owner)).jobId);
  }
  const pages = async (filter: JobFilter, pageSize: number, context = ADMIN) => {
    const sizes: number[] = [];
    const ids: string[] = [];
    let pageToken = "";
    do {
      const page = await service.listJobs({ filter, pageSize, pageToken }, context);
      ids.push(...page.jobs.map((job) => job.jobId));
      sizes.push(page.jobs.length);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return { ids, sizes };
  };
  assert.deepEqual(await pages({}, 3), { ids: started, sizes: [3, 3, 1] });
  assert.deepEqual(await pages({}, 0), { ids: started, sizes: [7] });
  // A last page that is full is the last one all the same.
  assert.deepEqual(await pages({}, 7), { ids: started, sizes: [7] });
  const alices = started.filter((_, index) => index % 2 === 0);
  assert.deepEqual(await pages({ owner: "alice" }, 2), { ids: alices, sizes: [2, 2] });
  const operator = contextOf("alice", ["operator"]);
  assert.deepEqual(await pages({}, 3, operator), { ids: alices, sizes: [3, 1] });
  assert.deepEqual(await pages({ owner: "bob" }, 3, operator), { ids: [], sizes: [0] });
});

Deno.test("WorkerService answers with fewer jobs than were asked for, if those are large", async () => {
  await using fixture = await TestService.open();
  const { service } = fixture;
  const started: string[] = [];
  for (const count of [1, 10, 10, 10, 10, 10, 10, 1]) {
    const args = Array<string>(count).fill("ü".repeat(50_000));
    const { jobId } = await fixture.worker.start({ name: "true", args });
    await fixture.worker.worker.wait(jobId);
    started.unshift(jobId);
  }
  const ids: string[] = [];
  const sizes: number[] = [];
  let pageToken = "";
  do {
    const page = await service.listJobs({ filter: {}, pageSize: 7, pageToken }, ADMIN);
    ids.push(...page.jobs.map(({ jobId }) => jobId));
    sizes.push(page.jobs.length);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  assert.deepEqual(ids, started);
  assert.deepEqual(sizes, [2, 2, 2, 2]);

  const request = { maxCount: 0, dryRun: true, owner: "" };
  const pruned = await service.pruneJobs(request, ADMIN);
  assert.deepEqual([pruned.jobs.length, pruned.count], [2, 8]);
});

Deno.test("WorkerService.getLogs() pages by bytes, to the end of what is stored", async () => {
  await using fixture = await TestService.open();
  const { service } = fixture;
  const { jobId } = await fixture.ran(
    "printf abcdef; sleep 0.1; printf XY >&2; sleep 0.1; printf gh; exit 3",
  );
  const page = async (offset: number, maxBytes: number, streams: ("stdout" | "stderr")[] = []) => {
    const { stdout, stderr, ...rest } = await service.getLogs(
      { jobId, streams, offset, maxBytes },
      ADMIN,
    );
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { stdout: text(stdout), stderr: text(stderr), ...rest };
  };
  const whole = {
    stdout: "abcdefgh",
    stderr: "XY",
    nextOffset: 10,
    endOffset: 10,
    end: true,
    exitStatus: { code: 3 },
  };
  assert.deepEqual(await page(0, 0), whole);
  assert.deepEqual(await page(0, 11), whole);

  let stdout = "";
  let stderr = "";
  let offset = 0;
  for (let end = false; !end;) {
    const part = await page(offset, 3);
    assert.ok(part.stdout.length + part.stderr.length <= 3);
    stdout += part.stdout;
    stderr += part.stderr;
    offset = part.nextOffset;
    end = part.end;
    assert.equal(part.exitStatus === null, !end);
  }
  assert.deepEqual([stdout, stderr, offset], ["abcdefgh", "XY", 10]);

  // The offset counts both streams, whichever is asked for.
  assert.deepEqual(await page(0, 1, ["stderr"]), {
    stdout: "",
    stderr: "X",
    nextOffset: 7,
    endOffset: 10,
    end: false,
    exitStatus: null,
  });
  assert.equal((await page(7, 0, ["stderr"])).stderr, "Y");
  assert.deepEqual(await page(10, 0), { ...whole, stdout: "", stderr: "" });
  const error = await rejection(page(11, 0));
  assert.ok(error instanceof JobWorkerError);
  assert.deepEqual([error.code, error.message], [
    "out_of_range",
    "Invalid offset 11: the log has 10 bytes",
  ]);
});

Deno.test("WorkerService.getLogs() tells which bytes the limit of the log has dropped", async () => {
  await using fixture = await TestService.open();
  const { jobId } = await fixture.worker.start(
    { name: "sh", args: ["-c", "yes 1234567 | head -c 3000000"] },
    { logLimit: { bytes: 1024 ** 2, policy: "keep_newest" } },
  );
  await fixture.worker.worker.wait(jobId);
  const page = (offset: number, maxBytes = 0) =>
    fixture.service.getLogs({ jobId, streams: [], offset, maxBytes }, ADMIN);
  const first = await page(0, 10);
  const { from, to } = first.gap ?? {};
  assert.ok(from === 0 && to !== undefined && to >= 3_000_000 - 1024 ** 2);
  const expected = "1234567\n".repeat(3).slice(to % 8, to % 8 + 10);
  assert.equal(new TextDecoder().decode(first.stdout), expected);
  assert.deepEqual([first.nextOffset, first.end], [to + 10, false]);
  // From inside of what is gone, at its end, and behind it.
  assert.deepEqual((await page(to - 1, 10)).gap, { from: to - 1, to });
  for (const offset of [to, to + 10]) assert.equal((await page(offset, 10)).gap, undefined);
  const rest = await page(0);
  assert.equal(to + rest.stdout.byteLength, 3_000_000);
  assert.deepEqual([rest.gap, rest.end, rest.exitStatus], [{ from, to }, true, { code: 0 }]);
});

Deno.test("WorkerService.getLogs() of a running job returns what is there, without a status", async () => {
  await using fixture = await TestService.open();
  const { jobId } = await fixture.worker.sh("printf hi; exec sleep 1000");
  await fixture.worker.printed(jobId, "hi");
  const { stdout, nextOffset, end, exitStatus } = await fixture.service.getLogs(
    { jobId, streams: [], offset: 0, maxBytes: 0 },
    ADMIN,
  );
  assert.equal(new TextDecoder().decode(stdout), "hi");
  assert.deepEqual([nextOffset, end, exitStatus], [2, true, null]);
});

Deno.test("WorkerService.getLogs() comes to an end although the job prints on", async () => {
  await using fixture = await TestService.open();
  const { jobId } = await fixture.worker.start(
    { name: "yes" },
    { logLimit: { bytes: 1024 ** 2, policy: "keep_newest" } },
  );
  // More than some pages hold.
  await until(async () => (await fixture.worker.worker.get(jobId)).stdoutBytes > 2 * 1024 ** 2);
  const request = { jobId, streams: [], offset: 0, maxBytes: 100_000 };
  let page = await fixture.service.getLogs(request, ADMIN);
  const { endOffset } = page;
  assert.ok(!page.end);
  while (!page.end) {
    const { nextOffset: offset } = page;
    page = await fixture.service.getLogs({ ...request, offset, endOffset }, ADMIN);
    assert.ok(page.nextOffset > offset || page.end);
    assert.equal(page.endOffset, endOffset);
  }
  assert.deepEqual([page.nextOffset, page.exitStatus], [endOffset, null]);
  // Without an end in the request, the answer includes what came after the first page.
  await until(async () => (await fixture.worker.worker.get(jobId)).stdoutBytes > endOffset);
  const further = await fixture.service.getLogs({ ...request, offset: endOffset }, ADMIN);
  assert.ok(further.endOffset > endOffset);
  // A page of an empty stream is an answer too. It ends where output was dropped while it was read.
  const silent = { ...request, streams: ["stderr" as const] };
  let empty = await fixture.service.getLogs(silent, ADMIN);
  const to = empty.endOffset;
  while (!empty.end) {
    empty = await fixture.service.getLogs(
      { ...silent, offset: empty.nextOffset, endOffset: to },
      ADMIN,
    );
  }
  assert.deepEqual([empty.stderr.byteLength, empty.nextOffset], [0, to]);
});
