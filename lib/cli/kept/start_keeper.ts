import { resolve } from "node:path";
import { BUILD } from "../../build.ts";
import type { Environment } from "../environment.ts";
import type { Settings } from "../invocation.ts";

/**
 * The program that can be a keeper.
 *
 * @throws if there is none
 */
export function keeperProgram(environment: Environment): string {
  const named = environment("WORKER_EXECUTABLE");
  if (named) return named;
  if (BUILD === "source") throw new Error("only the executables can do that");
  // What `deno compile` makes is itself the program, whatever its name is by now.
  return "/proc/self/exe";
}

/**
 * Starts a keeper for these settings, in a session of its own, and does not wait for it. Nothing of ours stays open
 * in it: neither the terminal nor a pipe that somebody reads to its end.
 *
 * @throws if it cannot be started
 */
export function startKeeper(program: string, settings: Settings): void {
  const { address, cert, key, ca, keepConnection } = settings;
  const keeper = new Deno.Command(program, {
    args: [
      // First, by which build/head.sh knows it.
      "__keep",
      `--address=${address}`,
      `--cert=${resolve(cert)}`,
      `--key=${resolve(key)}`,
      `--ca=${resolve(ca)}`,
      `--keep-connection=${keepConnection}ms`,
    ],
    // Whatever the caller's directory is, it may be removed or unmounted.
    cwd: "/",
    detached: true,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  keeper.unref();
}
