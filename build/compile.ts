/**
 * `deno task compile [--target=TARGET] [--out=DIR] [--portable]`: the two executables and their
 * checksums, into `dist/`.
 *
 * By `deno compile`, whose runtime stub is downloaded or named by `DENORT_BIN`; where it cannot be had,
 * in the portable form of `portable.ts`. Its deno is this one, or for another target the one that
 * `DENO_BIN` names.
 *
 * @module
 */

import { join, resolve } from "node:path";
import { messageOf } from "../lib/errors.ts";
import { bothOutputs } from "../lib/stdio/both_outputs.ts";
import { asksForHelp, parseLine } from "../lib/text/parse_line.ts";
import { VERSION } from "../lib/version.ts";
import { V8_FLAGS } from "../lib/daemon/small_memory.ts";
import { bundle, commit, deno, type Program, PROGRAMS, ROOT } from "./bundle.ts";
import { packPayload, writePortable } from "./portable.ts";

/** How to make the executables. */
export interface CompileOptions {
  /** As `rustc` names them. */
  readonly target: string;
  /** Where to, made if it is not there. */
  readonly out: string;
  /** Do not try `deno compile`. */
  readonly portable: boolean;
  /** What `--version` tells, if not the commit. */
  readonly build?: string;
  readonly say: (line: string) => void;
}

const NAMES = Object.keys(PROGRAMS) as Program[];

/** Makes the executables and `SHA256SUMS`. */
export async function compile(options: CompileOptions): Promise<void> {
  const { target, out, portable, build = await commit(), say } = options;
  const directory = resolve(out);
  await Deno.mkdir(directory, { recursive: true });
  const scratch = await Deno.makeTempDir({ prefix: "job-worker-compile-" });
  try {
    const code = join(scratch, "code");
    await bundle(code, build);
    const why = portable ? "--portable was given" : await compileAll(code, target, scratch);
    if (why !== null) {
      say(`Making the portable form instead of that of deno compile: ${why}`);
      await writeAll({ code, target, scratch, version: `${VERSION} (${build})` });
    } else if (target === Deno.build.target) await checkAll(scratch);
    for (const name of NAMES) {
      // Renamed, since one that runs can be replaced but not written to.
      await Deno.copyFile(join(scratch, name), join(directory, `.${name}.new`));
      await Deno.rename(join(directory, `.${name}.new`), join(directory, name));
    }
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
  const { stdout } = await new Deno.Command("sha256sum", { args: NAMES, cwd: directory }).output();
  await Deno.writeFile(join(directory, "SHA256SUMS"), stdout);
  for (const name of [...NAMES, "SHA256SUMS"]) say(join(out, name));
}

/** What `deno compile` bakes in; what of it a process does not need, it gives up at its start. */
const BAKED: Readonly<Record<Program, readonly string[]>> = {
  "worker-daemon": [
    "--no-prompt",
    // Datagrams for systemd.
    "--unstable-net",
    V8_FLAGS,
    "--ignore-env",
    "--allow-env=WORKER_*,LISTEN_PID,LISTEN_FDS,JOURNAL_STREAM,NOTIFY_SOCKET,OTEL_DENO_CONSOLE",
    "--allow-read",
    "--allow-write",
    "--allow-run=setsid",
    "--allow-sys=homedir,hostname,loadavg,uid",
    "--allow-net",
  ],
  "worker-cli": [
    "--no-prompt",
    "--ignore-env",
    "--allow-env=WORKER_*,NO_COLOR,HOME,XDG_CONFIG_HOME,XDG_RUNTIME_DIR",
    "--allow-read",
    "--allow-write",
    // Itself, to keep a connection.
    "--allow-run=/proc/self/exe",
    "--allow-sys=hostname,uid",
    "--allow-net",
  ],
};

/** @returns why it cannot be done; `null` if it is */
async function compileAll(code: string, target: string, scratch: string): Promise<string | null> {
  try {
    for (const name of NAMES) {
      await deno(
        "compile",
        "--quiet",
        "--no-config",
        "--no-check",
        `--target=${target}`,
        `--include=${code}`,
        `--output=${join(scratch, name)}`,
        ...BAKED[name],
        join(code, PROGRAMS[name].entry),
      );
    }
    return null;
  } catch (error) {
    // "Caused by:" and the causes, each of which says more, with a number in front.
    const [, cause] = /^ +1: (.*?)(?:: client error.*)?$/m.exec(messageOf(error)) ?? [];
    return `it has no runtime to put in (${cause ?? messageOf(error)}); DENORT_BIN may name one`;
  }
}

/** `deno compile` puts the program into whatever `DENORT_BIN` names. */
async function checkAll(scratch: string): Promise<void> {
  for (const name of NAMES) {
    const { stdout } = await new Deno.Command(join(scratch, name), { args: ["--version"] })
      .output();
    if (new TextDecoder().decode(stdout).includes(VERSION)) continue;
    throw new Error(`What DENORT_BIN names is not the runtime of deno ${Deno.version.deno}`);
  }
}

/** The portable form of both. */
async function writeAll(
  { code, target, scratch, version }: {
    code: string;
    target: string;
    scratch: string;
    version: string;
  },
): Promise<void> {
  const runtime = target === Deno.build.target ? Deno.execPath() : Deno.env.get("DENO_BIN");
  if (runtime === undefined) {
    throw new Error(
      `DENO_BIN must name a deno ${Deno.version.deno} for ${target}, such as that of the package ` +
        "@deno/linux-arm64-glibc or @deno/linux-x64-glibc of npm",
    );
  }
  const payload = await packPayload(join(scratch, "payload"), { deno: runtime, bundle: code });
  for (const name of NAMES) {
    const flags = await taskFlags(PROGRAMS[name].task);
    await writePortable(join(scratch, name), { program: name, version, target, flags, payload });
  }
}

/**
 * The flags by which a task runs its program: the executable gets the same, without those that are
 * about files and programs, which differ with its arguments.
 */
async function taskFlags(task: string): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const flags = String(tasks[task].command).split(" ").filter((word) => word.startsWith("--"));
  return task === "cli" ? flags : flags.filter((flag) => !/^--allow-(write|run|net)/.test(flag));
}

const USAGE = `Usage: deno task compile [--target=TARGET] [--out=DIR] [--portable]

Makes worker-daemon, worker-cli and SHA256SUMS.

Options:
  --target=TARGET  the system to run on, such as aarch64-unknown-linux-gnu [this one]
  --out=DIR        the directory to make them in [dist]
  --portable       make the portable form, without trying deno compile
`;

if (import.meta.main) {
  const encoder = new TextEncoder();
  const { stdout, stderr } = bothOutputs();
  const say = (line: string) => stdout.writeSync(encoder.encode(`${line}\n`));
  try {
    if (asksForHelp(Deno.args)) stdout.writeSync(encoder.encode(USAGE));
    else await compile({ ...optionsOf(Deno.args), say });
  } catch (error) {
    stderr.writeSync(encoder.encode(`compile: ${messageOf(error)}\n`));
    Deno.exit(1);
  }
}

function optionsOf(args: string[]): Pick<CompileOptions, "target" | "out" | "portable"> {
  const { values } = parseLine({
    args,
    options: {
      target: { type: "string", default: Deno.build.target },
      out: { type: "string", default: "dist" },
      portable: { type: "boolean", default: false },
    },
  }, `\n${USAGE}`);
  return values;
}
