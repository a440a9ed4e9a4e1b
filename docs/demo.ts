/**
 * `deno task demo`: the first minute with Job Worker, for real and in a temporary directory:
 * certificates, a daemon, jobs that go well, fail and are stopped, and a clean end.
 *
 * @module
 */

import { AS_ROOT, taskArgs } from "../tests/tasks.ts";

const encoder = new TextEncoder();
const bold = Deno.stdout.isTerminal() && !Deno.noColor
  ? (text: string) => `\x1b[1m${text}\x1b[0m`
  : (text: string) => text;

function say(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`\n${bold(text)}\n`));
}

const directory = await Deno.makeTempDir({ prefix: "job-worker-demo-" });

/** Runs the CLI in the demo's directory, its output shown as it comes, and returns its exit status. */
async function cli(
  args: readonly string[],
  options: { shown?: boolean; flags?: readonly string[] } = {},
): Promise<{ code: number; stdout: string }> {
  const { shown = true, flags = [] } = options;
  const words = args.map((arg) => /^[\w./:=-]+$/.test(arg) ? arg : `'${arg}'`);
  Deno.stdout.writeSync(encoder.encode(`$ worker-cli ${words.join(" ")}\n`));
  const [run = "", ...rest] = taskArgs("cli", directory);
  const child = new Deno.Command(Deno.execPath(), {
    args: [run, ...flags, ...rest, ...args],
    cwd: directory,
    env: { WORKER_ADDRESS: address },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let stdout = "";
  const decoder = new TextDecoder();
  for await (const bytes of child.stdout) {
    if (shown) Deno.stdout.writeSync(bytes);
    stdout += decoder.decode(bytes, { stream: true });
  }
  return { code: (await child.status).code, stdout: stdout.trim() };
}

/** Starts the daemon on a free port and waits until it says which. */
async function startDaemon(): Promise<{ child: Deno.ChildProcess; address: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...taskArgs("start", directory), "--address=127.0.0.1:0", ...AS_ROOT],
    cwd: directory,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const found = /listening on (\S+)\n/.exec(text);
    if (found?.[1] !== undefined) return { child, address: found[1] };
  }
  throw new Error("The daemon ended before it listened");
}

let address = "";
let daemon: Deno.ChildProcess | null = null;
try {
  say("1. Certificates: a CA, one for the server, and one each for an admin, operator and viewer.");
  await cli(["certs"], { flags: ["--allow-write=certs", "--allow-sys=hostname"] });

  say("2. The daemon, on a free port of this machine. It lets nobody in without a certificate.");
  ({ child: daemon, address } = await startDaemon());
  Deno.stdout.writeSync(encoder.encode(`worker-daemon listening on ${address}\n`));

  say("3. A job, with its output as it comes. `run` ends as the job does.");
  const script = "for i in 1 2 3; do echo step $i; sleep 0.4; done; echo careful >&2";
  await cli(["run", "--", "sh", "-c", script]);

  say("4. The same in the background: `start` answers with the job's id; then its status and log.");
  const job = await cli(["start", "--label", "demo=yes", "--", "sh", "-c", "echo hello; date"]);
  await cli(["wait", job.stdout]);
  await cli(["status", job.stdout]);
  await cli(["logs", "all", job.stdout, "--timestamps"]);

  say("5. A job that fails: the exit status of `run` is the job's own.");
  const failed = await cli(["run", "--", "sh", "-c", "echo cannot go on >&2; exit 3"]);
  Deno.stdout.writeSync(encoder.encode(`exit status: ${failed.code}\n`));

  say("6. A job with children, stopped: the whole tree ends, not only its first process.");
  const tree = await cli(["start", "--", "sh", "-c", "sleep 1000 & sleep 1000 & wait"]);
  await cli(["stop", tree.stdout]);
  await cli(["status", tree.stdout]);

  say("7. All of them.");
  await cli(["list", "all"]);
} finally {
  if (daemon !== null) {
    say("8. SIGTERM to the daemon: it ends cleanly, and nothing is left running.");
    daemon.kill("SIGTERM");
    const { code } = await daemon.status;
    Deno.stdout.writeSync(encoder.encode(`exit status: ${code}\n`));
  }
  await Deno.remove(directory, { recursive: true });
}
