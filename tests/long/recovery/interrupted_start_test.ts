import { JobEngine } from "../../../lib/daemon/job_engine.ts";
import { assert } from "../../assert.ts";
import { childrenOfExecutors, executorsIn } from "../../daemon/executor_fixture.ts";
import { processesOf, TestProcess } from "../../end_to_end/process.ts";
import { ENGINE_OPTIONS } from "./engine_options.ts";
import { TOOLS } from "../../process/tools.ts";
import { ROOT } from "../../programs.ts";
import { ADMIN } from "../../service/fixture.ts";
import { processStat, temporaryDirectory, until } from "../../worker/fixture.ts";
import { type Step, STEPS } from "../../recovery/interrupted_start.ts";

/** The processes that the executor asks the kernel by. */
async function shellsIn(dataDir: string): Promise<number[]> {
  const shells: number[] = [];
  for (const { pid } of await childrenOfExecutors(dataDir)) {
    const line = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
    if (line.includes("PROC_SHELL")) shells.push(pid);
  }
  assert.ok(shells.length > 0, "The executor has no shell");
  return shells;
}

/** Runs an engine until it is killed at a step of the start of a job. */
async function killEngine(dataDir: string, step: Step, note: string): Promise<void> {
  await using engine = new TestProcess([
    ...[Deno.execPath(), "run", "-A", "--no-check", `--config=${ROOT}deno.json`],
    ...[`${ROOT}tests/recovery/halting_engine.ts`, dataDir, step, note],
  ]);
  await engine.seen(/halted\n/);
  if (step !== "while it is launched") return engine.kill("SIGKILL");
  // The job gets its process, but the executor waits for what identifies it.
  const shells = await shellsIn(dataDir);
  for (const shell of shells) Deno.kill(shell, "SIGSTOP");
  await Deno.writeTextFile(`${note}.go`, "");
  await until(() => Deno.stat(note).then(() => true, () => false));
  engine.kill("SIGKILL");
  await engine.finished();
  for (const shell of shells) Deno.kill(shell, "SIGCONT");
}

async function startsIn(trail: string): Promise<string[]> {
  const lines = (await Deno.readTextFile(trail).catch(() => "")).trim().split("\n");
  return lines.filter((line) => line.includes('"startJob"')).map((line) => JSON.parse(line).jobId);
}

for (const [step, isThere] of Object.entries(STEPS) as [Step, boolean][]) {
  Deno.test(`A job whose engine is killed ${step} ${isThere ? "runs, and is accounted for once" : "was never there"}`, async () => {
    await using directory = await temporaryDirectory();
    const dataDir = `${directory.path}/data`;
    await Deno.mkdir(dataDir, { mode: 0o700 });
    const note = `${directory.path}/note`;
    await killEngine(dataDir, step, note);
    {
      await using engine = await JobEngine.open({ ...ENGINE_OPTIONS, dataDir }, "/", TOOLS.setsid);
      const request = { filter: {}, pageSize: 10, pageToken: "" };
      const { jobs } = await engine.service.listJobs(request, ADMIN);
      const ids = jobs.map(({ jobId }) => jobId);
      assert.equal(jobs.length, isThere ? 1 : 0);
      assert.deepEqual([engine.adopted, engine.lost], [jobs.length, 0]);
      assert.deepEqual(await startsIn(`${dataDir}/audit.log`), ids);
      const noted = () => Deno.readTextFile(note).catch(() => "");
      // It may have got its process a moment ago.
      if (isThere) await until(async () => await noted() !== "");
      assert.equal(await noted(), isThere ? "run\n" : "");
      for (const { jobId, pid, end, requestId } of jobs) {
        assert.deepEqual([end, requestId], [null, "one"]);
        assert.deepEqual(await processesOf([jobId]), [pid]);
        assert.equal((await processStat(pid))?.session, pid);
      }
      assert.equal((await executorsIn(dataDir)).length, 1);
    }
    // What it has said of it is not said again.
    await using _next = await JobEngine.open({ ...ENGINE_OPTIONS, dataDir }, "/", TOOLS.setsid);
    assert.equal((await startsIn(`${dataDir}/audit.log`)).length, isThere ? 1 : 0);
  });
}
