import { dirname } from "node:path";
import { trailFiles } from "../../../lib/service/audit_files.ts";
import { assert } from "../../assert.ts";
import { ROOT } from "../../programs.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";
import { LossyDisk, type Remains } from "./lossy_disk.ts";
import { checkPromises } from "./promises.ts";
import { NO_STRACE, straceArgs, systemCalls } from "./system_calls.ts";
import type { Told } from "./told.ts";

/** README: so much of what running jobs print may be taken by a power cut. */
const MAX_LOST_MS = 5_000;

/** Runs an engine with the life of some jobs in it. Returns the trace of its system calls. */
async function traced(dataDir: string, toldPath: string): Promise<string> {
  const into = `${dirname(toldPath)}/trace`;
  const { success, stderr } = await new Deno.Command("strace", {
    args: [
      ...straceArgs(into),
      ...[Deno.execPath(), "run", "-A", `--config=${ROOT}deno.json`, "--frozen"],
      ...[`${ROOT}tests/long/recovery/life_of_jobs.ts`, dataDir, toldPath],
    ],
    stdout: "null",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return await Deno.readTextFile(into);
}

async function writeImage(
  directory: string,
  image: ReadonlyMap<string, Uint8Array<ArrayBuffer> | null>,
): Promise<void> {
  for (const [path, content] of image) {
    if (content === null) await Deno.mkdir(`${directory}/${path}`, { mode: 0o700 });
    else await Deno.writeFile(`${directory}/${path}`, content, { mode: 0o600 });
  }
}

Deno.test({
  name: `A power cut at any moment takes nothing that anybody was told${NO_STRACE}`,
  ignore: NO_STRACE !== "",
  fn: async (t) => {
    await using directory = await temporaryDirectory();
    const dataDir = `${directory.path}/data`;
    const toldPath = `${directory.path}/told`;
    await Deno.mkdir(dataDir, { mode: 0o700 });
    const trace = await traced(dataDir, toldPath);
    assert.ok((await trailFiles(`${dataDir}/audit.log`)).length > 5, "The trail has no other file");
    for (const remains of ["flushed", "lengths", "all"] as const) {
      await t.step(`where what was not flushed leaves: ${remains}`, async () => {
        const checked = await checkEachMoment(trace, { dataDir, toldPath, remains });
        assert.ok(checked > 50, String(checked));
      });
    }
  },
});

async function checkEachMoment(
  trace: string,
  where: { readonly dataDir: string; readonly toldPath: string; readonly remains: Remains },
): Promise<number> {
  const { dataDir, toldPath, remains } = where;
  const disk = new LossyDisk(dataDir);
  const told: Told[] = [];
  const isLog = (path: string) => path.startsWith(`${dataDir}/logs/`);
  let checked = 0;
  const check = async () => {
    await using copy = await temporaryDirectory();
    await writeImage(copy.path, disk.image(remains));
    try {
      await checkPromises(copy.path, told);
    } catch (error) {
      throw new Error(`After ${told.length} were told, at moment ${checked}`, { cause: error });
    }
    checked++;
  };
  for (const call of systemCalls(trace)) {
    assert.ok(disk.waiting(isLog, call.time) < MAX_LOST_MS, "A log was not flushed in time");
    if (call.name === "write" && call.at === "end" && call.paths[0] === toldPath) {
      told.push(JSON.parse(new TextDecoder().decode(call.data)));
    }
    // Just before more is flushed, and so once all was told that there was to tell until then.
    if (disk.isFlushedBy(call)) await check();
    disk.apply(call);
  }
  await check();
  return checked;
}
