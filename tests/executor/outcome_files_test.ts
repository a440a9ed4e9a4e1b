import { OutcomeFiles, type StoredOutcome } from "../../lib/executor/outcome_files.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { DONE } from "./job_fixture.ts";

const OUTCOME: StoredOutcome = {
  timeoutMs: 0,
  stdoutBytes: 1,
  stderrBytes: 2,
  logBytes: 3,
  usage: { cpuMs: 4, peakMemoryBytes: null, oomKills: 0 },
  outputTruncated: true,
  end: DONE,
  isConfirmed: true,
};

Deno.test("An outcome is read as it was written, by its owner only, until it is removed", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/outcomes`;
  const files = await OutcomeFiles.open(path);
  await files.write("a", OUTCOME);
  assert.deepEqual(await (await OutcomeFiles.open(path)).read("a"), OUTCOME);
  const modes = await Promise.all([path, `${path}/a.json`].map((path) => Deno.stat(path)));
  assert.deepEqual(modes.map(({ mode }) => (mode ?? 0) & 0o777), [0o700, 0o600]);
  await files.write("a", { ...OUTCOME, isConfirmed: false });
  assert.equal((await files.read("a"))?.isConfirmed, false);
  await files.remove("a");
  await files.remove("a");
  assert.equal(await files.read("a"), null);
});

Deno.test("An outcome that is torn, or was never written, is unknown", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const files = await OutcomeFiles.open(path);
  await files.write("a", OUTCOME);
  const { size } = await Deno.stat(`${path}/a.json`);
  for (const length of [size - 1, size / 2 | 0, 1, 0]) {
    await Deno.truncate(`${path}/a.json`, length);
    assert.equal(await files.read("a"), null, `${length} bytes`);
  }
  // A power cut leaves the length without the bytes.
  await Deno.truncate(`${path}/a.json`, size);
  assert.equal(await files.read("a"), null);
  assert.equal(await files.read("b"), null);
  await Deno.mkdir(`${path}/c.json`);
  await assert.rejects(files.read("c"));
});

Deno.test("The outcomes of all jobs but some are removed", async () => {
  await using directory = await temporaryDirectory();
  const files = await OutcomeFiles.open(directory.path);
  for (const jobId of ["a", "b", "c"]) await files.write(jobId, OUTCOME);
  await files.removeOthers(new Set(["b", "d"]));
  const names = await Array.fromAsync(Deno.readDir(directory.path), ({ name }) => name);
  assert.deepEqual(names, ["b.json"]);
});
