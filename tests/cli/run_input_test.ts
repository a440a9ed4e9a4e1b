import type { JobClient } from "../../lib/cli/job_client.ts";
import { main } from "../../lib/cli/main.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { DONE, FakeIo, JOB_ID, jobOf, QUEUED, rejection } from "./fake_daemon.ts";

const DONE_JOB = jobOf({ end: DONE });

/** A daemon whose job ends with its input, what it was sent, and an input of these pieces. */
function reader(pieces: readonly string[], calls: Partial<JobClient> = {}) {
  const sent: unknown[] = [];
  const left = [...pieces];
  const ended = Promise.withResolvers<void>();
  const io = new FakeIo({
    startJob: () => Promise.resolve(jobOf()),
    async writeInput({ jobId, offset, data, end }, options) {
      sent.push({ jobId, offset, text: new TextDecoder().decode(data), end });
      if (!end) return { accepted: 0 };
      ended.resolve();
      return await rejection(options);
    },
    async *streamLogs() {
      await ended.promise;
      yield { records: [], nextOffset: 0, finishedJob: DONE_JOB };
    },
    ...calls,
  }, {
    stdin: {
      read(buffer) {
        const piece = left.shift() ?? null;
        if (piece === null) return Promise.resolve(null);
        return Promise.resolve(new TextEncoder().encodeInto(piece, buffer).written);
      },
    },
  });
  return { io, sent };
}

Deno.test("run --interactive sends each piece behind the last, and stops with the job", async () => {
  const { io, sent } = reader(["one", "three"]);
  const line = ["run", "--interactive", "--", "cat"];
  assert.equal(await soon(main(line, io), () => "run to end with the job"), 0);
  assert.deepEqual(sent, [
    { jobId: JOB_ID, offset: 0, text: "one", end: false },
    { jobId: JOB_ID, offset: 3, text: "three", end: false },
    { jobId: JOB_ID, offset: 8, text: "", end: true },
  ]);
});

Deno.test("run --interactive --queue sends its input once the job runs", async () => {
  const { io, sent } = reader(["one"], {
    startJob: () => Promise.resolve(QUEUED),
    async *watchJobs({ filter }) {
      assert.deepEqual(filter, { jobIdPrefix: JOB_ID });
      yield QUEUED;
      assert.deepEqual(sent, []);
      yield jobOf();
    },
  });
  const line = ["run", "--interactive", "--queue", "--", "cat"];
  assert.equal(await soon(main(line, io), () => "run to end with the job"), 0);
  assert.deepEqual(sent, [
    { jobId: JOB_ID, offset: 0, text: "one", end: false },
    { jobId: JOB_ID, offset: 3, text: "", end: true },
  ]);
  assert.equal(
    io.stderr.text,
    `worker-cli: Job ${JOB_ID} is queued: 3rd of 7, since all are taken\n`,
  );
});
