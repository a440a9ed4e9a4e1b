import { JobEngine } from "../../../lib/daemon/job_engine.ts";
import { statusOf } from "../../../lib/job/types.ts";
import { assert } from "../../assert.ts";
import { processesOf, TestProcess } from "../../end_to_end/process.ts";
import { TOOLS } from "../../process/tools.ts";
import { ROOT } from "../../programs.ts";
import { ADMIN } from "../../service/fixture.ts";
import { temporaryDirectory, until } from "../../worker/fixture.ts";
import { ENGINE_OPTIONS } from "./engine_options.ts";
import { QUEUED_ID, STEPS } from "./queued_start.ts";

for (const step of STEPS) {
  Deno.test(`A queued job whose engine is killed ${step} runs once`, async () => {
    await using directory = await temporaryDirectory();
    const dataDir = `${directory.path}/data`;
    await Deno.mkdir(dataDir, { mode: 0o700 });
    const note = `${directory.path}/note`;
    {
      await using engine = new TestProcess([
        ...[Deno.execPath(), "run", "-A", "--no-check", `--config=${ROOT}deno.json`],
        ...[`${ROOT}tests/long/recovery/halting_queue.ts`, dataDir, step, note],
      ]);
      await engine.seen(/halted\n/);
      engine.kill("SIGKILL");
      await engine.finished();
    }
    await using engine = await JobEngine.open(
      { ...ENGINE_OPTIONS, dataDir },
      "/",
      TOOLS.setsid,
    );
    const get = () => engine.service.getJob({ jobId: QUEUED_ID }, ADMIN);
    const job = await until(async () => {
      const job = await get();
      assert.equal(job.end, null);
      return statusOf(job) === "running" && job.pid !== 0 && job;
    });
    await until(() => Deno.stat(note).then(() => true, () => false));
    assert.equal(await Deno.readTextFile(note), "run\n");
    assert.deepEqual(await processesOf([QUEUED_ID]), [job.pid]);
    assert.deepEqual([engine.lost, job.queue], [0, null]);
    assert.ok(job.queuedAt !== null && job.startedAt !== null && job.startedAt >= job.queuedAt);
    // It was accounted for when it was queued.
    const trail = await Deno.readTextFile(`${dataDir}/audit.log`);
    assert.doesNotMatch(trail, /"startJob"/);
  });
}
