/**
 * The two executables as a user has them: on a machine without deno and node, somewhere on the disk,
 * run by somebody who is not root.
 *
 * @module
 */

import { compile } from "../../build/compile.ts";
import { AS_NOBODY, makePath, NOBODY } from "./stage.ts";

const IS_ROOT = Deno.uid() === 0;

/** How a program ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@linkcode Executables.run}. */
export interface RunOptions {
  /** All of its environment but `PATH`; without `TMPDIR`, nothing can be unpacked in `/tmp`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Instead of the executable of that name. */
  readonly path?: string;
  /** Where to write what it prints, as `stdout` and `stderr`. */
  readonly outputs?: string;
}

/** Both executables, built for this test. */
export class Executables implements AsyncDisposable {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async build(): Promise<Executables> {
    const directory = await Deno.makeTempDir({ prefix: "exe-" });
    await Deno.chmod(directory, 0o755);
    await makePath(`${directory}/path`);
    await compile({
      target: Deno.build.target,
      out: `${directory}/bin`,
      portable: true,
      // So that what another build has unpacked on this machine is none of ours.
      build: directory.slice(-8),
      say: () => {},
    });
    const executables = new Executables(directory);
    await Deno.mkdir(`${directory}/cache`);
    await executables.giveAway(`${directory}/cache`);
    return executables;
  }

  path(name: "worker-daemon" | "worker-cli"): string {
    return `${this.directory}/bin/${name}`;
  }

  /** Writes the head of an executable, without its payload, to a file. */
  async head(): Promise<string> {
    const bytes = await Deno.readFile(this.path("worker-cli"));
    const path = `${this.directory}/head.sh`;
    const GZIP = 0x1f;
    await Deno.writeFile(path, bytes.subarray(0, bytes.indexOf(GZIP)));
    return path;
  }

  /** An environment with this home, where what another has unpacked is used. */
  environment(home: string): Readonly<Record<string, string>> {
    return { HOME: home, XDG_CACHE_HOME: `${this.directory}/cache` };
  }

  /** Makes a directory that belongs to whom the executables are run by. */
  async makeDirectory(prefix: string): Promise<string> {
    const path = await Deno.makeTempDir({ dir: this.directory, prefix });
    await this.giveAway(path);
    return path;
  }

  /** Gives a directory and what is in it to whom the executables are run by. */
  async giveAway(path: string): Promise<void> {
    if (!IS_ROOT) return;
    await new Deno.Command("chown", { args: ["-R", `${NOBODY}:${NOBODY}`, path] }).output();
  }

  /** Starts an executable. */
  start(
    name: "worker-daemon" | "worker-cli",
    args: readonly string[],
    { env = {}, cwd = "/", path = this.path(name), outputs }: RunOptions = {},
  ): Deno.ChildProcess {
    const redirect = [
      "/bin/sh",
      "-c",
      `exec "$@" >"${outputs}/stdout" 2>"${outputs}/stderr"`,
      "sh",
    ];
    const [program = "", ...rest] = [
      ...IS_ROOT ? AS_NOBODY : [],
      ...outputs === undefined ? [] : redirect,
      path,
      ...args,
    ];
    return new Deno.Command(program, {
      args: rest,
      clearEnv: true,
      env: { PATH: `${this.directory}/path`, TMPDIR: "/nonexistent", ...env },
      cwd,
      stdin: "null",
      stdout: outputs === undefined ? "piped" : "null",
      stderr: outputs === undefined ? "piped" : "null",
    }).spawn();
  }

  /** Runs an executable to its end. */
  async run(...args: Parameters<Executables["start"]>): Promise<Outcome> {
    const { code, stdout, stderr } = await this.start(...args).output();
    const [out = "", err = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { code, stdout: out, stderr: err };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}
