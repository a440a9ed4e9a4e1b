import { JobLog } from "../../../lib/log/job_log.ts";
import { readLog } from "../../../lib/log/log_reader.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { BOTH, temporaryDirectory } from "../../worker/fixture.ts";
import { MortalDaemon } from "../../recovery/mortal_daemon.ts";

const PRINTER = "i=0; while :; do i=$((i + 1)); echo line $i; sleep 0.05; done";

/** Cuts off the end of a log, as a machine that stops may. Returns how many bytes are left of the output. */
async function cutOff(logs: string, jobId: string): Promise<number> {
  const directory = `${logs}/${jobId}`;
  const log = await JobLog.open(directory);
  const records = await Array.fromAsync(
    readLog(log, { offset: 0, streams: BOTH, follow: false }),
    (batch) => batch.records.length,
  );
  assert.ok(records.reduce((sum, count) => sum + count, 0) >= 2);
  const path = `${directory}/0000000000000000.log`;
  await Deno.truncate(path, Math.floor((await Deno.stat(path)).size / 2));
  return (await JobLog.open(directory)).endOffset;
}

Deno.test("Readers that have seen what did not reach the disk are told how much, and of the loss of the job", async () => {
  await using certificates = await TestCertificates.create();
  await using directory = await temporaryDirectory();
  const logs = `${directory.path}/data/logs`;
  await using readers = new AsyncDisposableStack();
  await using first = await MortalDaemon.start(certificates, directory.path);
  const { stdout: id } = await first.cli(["start", "--", "sh", "-c", PRINTER]);
  const jobId = id.trim();
  const lines = [["logs", "all", jobId, "--follow"], ["output", jobId]];
  const followers = lines.map((line) => readers.use(first.startCli(line)));
  const run = readers.use(first.startCli(["run", "--", "sh", "-c", PRINTER]));
  for (const reader of [...followers, run]) await reader.seen(/line 20\n/);
  const { stdout: running } = await first.cli(["list", "running"]);
  const runId = running.split("\n").map((line) => line.split("\t")[0]).find((id) => id !== jobId);
  await first.kill({ executor: true });

  // A reader may have taken less than the log holds, but more than half of it.
  const left = new Map<string, number>();
  for (const id of [jobId, `${runId}`]) left.set(id, await cutOff(logs, id));
  const args = [`--address=${first.address}`];
  await using _second = await MortalDaemon.start(certificates, directory.path, args);
  for (
    const [reader, id] of [[followers[0], jobId], [followers[1], jobId], [run, runId]] as const
  ) {
    assert.ok(reader);
    const { code, bytes, stderr } = await reader.finished();
    const shown = bytes.byteLength;
    const end = left.get(`${id}`) ?? 0;
    assert.equal(code, 125);
    assert.ok(shown > end);
    assert.equal(
      stderr,
      `worker-cli: ${shown - end} bytes of the output before offset ${shown} did not reach the ` +
        `disk: the log of job "${id}" ends at byte ${end}. The job is lost: the executor died while ` +
        "it ran, and nobody knows how it ended\n",
    );
  }
});
