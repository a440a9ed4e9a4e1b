/**
 * Data directories as each released schema has left them, a job still running: they were written by the
 * daemon of that time, which was then killed. They are never changed; a new schema adds one.
 *
 * @module
 */

import { JOB_SCHEMA } from "../../lib/store/migrations.ts";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";
import { BOTH, FROM_START, temporaryDirectory, textOf } from "../worker/fixture.ts";
import { listAll, NextWorker } from "./fixture.ts";

const RELEASED = `${ROOT}tests/recovery/released`;

/** What was done with each daemon, newest first. */
const JOBS = [
  { script: "echo lost; sleep 1000", labels: { fate: "lost" }, printed: "lost\n" },
  { script: undefined, labels: {}, printed: "" },
  { script: "kill -9 $$", labels: {}, printed: "" },
  { script: "echo failed; exit 3", labels: {}, printed: "failed\n" },
  { script: "echo done; echo warned >&2", labels: {}, printed: "done\nwarned\n" },
];

const ENDS = [
  ["failed", "lost", null],
  ["cancelled", "stopped", { signal: "SIGTERM" }],
  ["failed", "signaled", { signal: "SIGKILL" }],
  ["failed", "exited", { code: 3 }],
  ["done", "exited", { code: 0 }],
];

for (let schema = 1; schema <= JOB_SCHEMA.length; schema++) {
  Deno.test(`A data directory of schema ${schema} is taken over whole`, async () => {
    await using directory = await temporaryDirectory();
    const from = `${RELEASED}/schema_${schema}/.`;
    const copy = new Deno.Command("cp", { args: ["-r", from, directory.path] });
    assert.ok((await copy.output()).success);
    await using next = await NextWorker.open(directory.path);
    assert.deepEqual(next.lost.map(({ labels }) => labels), [{ fate: "lost" }]);

    const jobs = await listAll(next.worker);
    assert.deepEqual(jobs.map(({ command, labels }) => [command.args[1], labels]), [
      ...JOBS.map(({ script, labels }) => [script, labels]),
    ]);
    assert.deepEqual(
      jobs.map(({ end }) => [end?.status, end?.reason, end?.exitStatus]),
      ENDS,
    );
    for (const [index, job] of jobs.entries()) {
      // What that daemon did not know yet is there too.
      assert.equal(job.execution.gracePeriodMs, 10_000);
      assert.match(job.containment, /^(cgroup|process_group)$/);
      assert.deepEqual(await next.worker.get(job.jobId), job);
      const request = { start: FROM_START, streams: BOTH, follow: false };
      const batches = await Array.fromAsync(next.worker.readLog(job.jobId, request));
      const text = textOf(batches.flatMap(({ records }) => records));
      assert.equal(text, JOBS[index]?.printed);
      assert.equal(text.length, job.stdoutBytes + job.stderrBytes);
    }
  });
}
