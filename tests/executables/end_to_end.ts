/**
 * `deno task test:executables [--executables=DIR] [--reports=DIR]`: the end-to-end tests
 * once more, against the executables that `deno task compile` has made in `dist/`.
 *
 * The daemon and the CLI see no deno, no node and no source: their `PATH` has coreutils only, their
 * home is new, their working directory another. The tests are run by somebody who is not root, but for
 * those that only root can. Reports in the form of JUnit go to a directory, if one is given.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { resolve } from "node:path";
import { ROOT } from "../programs.ts";
import { AS_NOBODY, makePath, NOBODY } from "./stage.ts";

/** All that the tests need of the source tree. */
const SOURCES = ["deno.json", "deno.lock", "docs", "lib", "proto", "tests"];

const FOLDERS = ["tests/end_to_end", "tests/long/end_to_end"];

/** What the tests import that only root can run, see tests/root.ts. */
const OF_ROOT = /^import .* from ".*\/root\.ts";$/m;

const IS_ROOT = Deno.uid() === 0;

async function run(program: string, ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
}

/** Puts everything that another user needs where that user can read it. */
async function prepare(stage: string, executables: string): Promise<void> {
  await Deno.chmod(stage, 0o755);
  await makePath(`${stage}/path`);
  for (const name of ["bin", "source", "nobody", "root"]) await Deno.mkdir(`${stage}/${name}`);
  const programs = ["worker-daemon", "worker-cli"].map((name) => `${executables}/${name}`);
  await run("cp", ...programs, `${stage}/bin`);
  await run("cp", "-r", ...SOURCES.map((name) => ROOT + name), `${stage}/source`);
  await run("cp", Deno.execPath(), `${stage}/deno`);
  for (const user of ["nobody", "root"]) {
    for (const name of ["cache", "home"]) await Deno.mkdir(`${stage}/${user}/${name}`);
    await run("cp", "-r", `${await denoDirectory()}/npm`, `${stage}/${user}/cache`);
  }
  await run("chmod", "-R", "go+rX", stage);
  if (IS_ROOT) await run("chown", "-R", `${NOBODY}:${NOBODY}`, `${stage}/nobody`);
}

/** Where the packages of npm are. */
async function denoDirectory(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

/** Runs the tests of those files as a user, and returns whether they have passed. */
async function test(
  stage: string,
  user: "nobody" | "root",
  files: readonly string[],
): Promise<boolean> {
  const own = `${stage}/${user}`;
  const [program = "", ...args] = [
    ...user === "nobody" && IS_ROOT ? AS_NOBODY : [],
    ...[`${stage}/deno`, "test", "--allow-all", "--no-check", "--cached-only"],
    ...["--sanitize-ops", "--sanitize-resources", `--junit-path=${own}/report.xml`],
    ...files,
  ];
  const { success } = await new Deno.Command(program, {
    args,
    cwd: `${stage}/source`,
    clearEnv: true,
    env: {
      PATH: "/usr/bin:/bin",
      HOME: `${own}/home`,
      // Without it root would unpack the executables for everybody on this machine.
      XDG_CACHE_HOME: `${own}/cache`,
      DENO_DIR: `${own}/cache`,
      NO_COLOR: Deno.env.get("NO_COLOR") ?? "",
      JOB_WORKER_EXECUTABLES: stage,
    },
  }).spawn().status;
  return success;
}

const { executables, reports } = parseArgs(Deno.args, {
  string: ["executables", "reports"],
  default: { executables: `${ROOT}dist` },
  unknown: (arg) => {
    throw new Error(`Unknown argument "${arg}": there are --executables and --reports`);
  },
});
const stage = await Deno.makeTempDir({ prefix: "job-worker-stage-" });
let passed = true;
try {
  await prepare(stage, resolve(executables));
  const runs = { nobody: [] as string[], root: [] as string[] };
  for (const folder of FOLDERS) {
    for await (const { name } of Deno.readDir(ROOT + folder)) {
      if (!name.endsWith("_test.ts")) continue;
      const path = `${folder}/${name}`;
      const isOfRoot = IS_ROOT && OF_ROOT.test(await Deno.readTextFile(ROOT + path));
      runs[isOfRoot ? "root" : "nobody"].push(path);
    }
  }
  for (const user of ["nobody", "root"] as const) {
    if (runs[user].length === 0) continue;
    if (!await test(stage, user, runs[user].toSorted())) passed = false;
    if (reports !== undefined) {
      await Deno.copyFile(`${stage}/${user}/report.xml`, `${reports}/${user}.xml`);
    }
  }
} finally {
  await Deno.remove(stage, { recursive: true });
}
Deno.exit(passed ? 0 : 1);
