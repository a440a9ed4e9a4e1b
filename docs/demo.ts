/**
 * `deno task demo`: the first minute with Job Worker, for real and in a temporary directory:
 * certificates, a daemon, jobs that go well, fail and are stopped, and a clean end.
 *
 * @module
 */

import { messageOf } from "../lib/errors.ts";
import { StandardOutput } from "../lib/stdio/standard_output.ts";
import { AS_ROOT, COMMAND_HINTS, programLine } from "../tests/programs.ts";

const encoder = new TextEncoder();
const { stdout } = StandardOutput.both();
const bold = stdout.isTerminal && !Deno.noColor
  ? (text: string) => `\x1b[1m${text}\x1b[0m`
  : (text: string) => text;

function print(text: string): void {
  stdout.writeSync(encoder.encode(`${text}\n`));
}

function say(text: string): void {
  print(`\n${bold(text)}`);
}

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => interrupted.abort(new Error(`Interrupted by ${signal}`)));
}

const directory = await Deno.makeTempDir({ prefix: "job-worker-demo-" });
let address = "";

/** A process in the demo's directory. */
function spawn(line: readonly string[], options: Deno.CommandOptions): Deno.ChildProcess {
  const [program = "", ...args] = line;
  return new Deno.Command(program, {
    args,
    cwd: directory,
    // REST is not shown, and another program may have its port.
    env: { WORKER_ADDRESS: address, WORKER_DAEMON_REST_ADDRESS: "off" },
    stdin: "null",
    stderr: "inherit",
    ...options,
  }).spawn();
}

/** Shows a line of the CLI and runs it. */
function cli(args: readonly string[], options: Deno.CommandOptions = {}): Deno.ChildProcess {
  interrupted.signal.throwIfAborted();
  const words = args.map((arg) => /^[\w./:=-]+$/.test(arg) ? arg : `'${arg}'`);
  print(`$ worker-cli ${words.join(" ")}`);
  const line = [...programLine("worker-cli", directory), ...args];
  return spawn(line, { signal: interrupted.signal, ...options });
}

/** Runs the CLI, and shows how it ended if that was not well. */
async function run(...args: readonly string[]): Promise<void> {
  const { code } = await cli(args).status;
  if (code !== 0) print(`exit status: ${code}`);
}

/** Starts a job and returns its id. */
async function start(...args: readonly string[]): Promise<string> {
  const child = cli(["start", ...args], { stdout: "piped" });
  const jobId = (await new Response(child.stdout).text()).trim();
  await child.status;
  print(jobId);
  return jobId;
}

/** Makes certificates, by the task for it. */
async function makeCertificates(): Promise<void> {
  print(`$ ${COMMAND_HINTS.makeCertificates}`);
  const permissions = ["--allow-write=certs", "--allow-sys=hostname"];
  await spawn([...programLine("worker-cli", directory, permissions), "certs"], {}).status;
}

/** Starts the daemon on a free port and waits until it says which. */
async function startDaemon(): Promise<Deno.ChildProcess> {
  const args = ["--address=127.0.0.1:0", ...AS_ROOT];
  print(`$ ${COMMAND_HINTS.startDaemon} ${args.join(" ")}`);
  const child = spawn([...programLine("worker-daemon", directory), ...args], { stdout: "piped" });
  let text = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    address = /listening on (\S+)\n/.exec(text)?.[1] ?? "";
    if (address === "") continue;
    print(text.trim());
    return child;
  }
  throw new Error("The daemon ended before it listened");
}

/** Certificate and key of another user than the one the CLI takes by default. */
function as(user: string): string[] {
  return [`--cert=certs/${user}-cert.pem`, `--key=certs/${user}-key.pem`];
}

let daemon: Deno.ChildProcess | null = null;
try {
  say("1. Certificates: a CA, one for the server, and one each for an admin, operator and viewer.");
  await makeCertificates();

  say("2. The daemon, on a free port of this machine. It lets nobody in without a certificate.");
  daemon = await startDaemon();

  say("3. A job, with its output as it comes. `run` ends as the job does.");
  await run(
    "run",
    "--",
    "sh",
    "-c",
    "for i in 1 2 3; do echo step $i; sleep 0.4; done; echo careful >&2",
  );

  say("4. The same in the background: `start` answers with the job's id; then its status and log.");
  const job = await start("--label", "demo=yes", "--", "sh", "-c", "echo hello; date");
  await run("wait", job);
  await run("status", job);
  await run("logs", "all", job, "--timestamps");

  say("5. A job that fails: the exit status of `run` is the job's own.");
  await run("run", "--", "sh", "-c", "echo cannot go on >&2; exit 3");

  say("6. A job with children, stopped: the whole tree ends, not only its first process.");
  const tree = await start("--", "sh", "-c", "sleep 1000 & sleep 1000 & wait");
  await run("stop", tree);
  await run("status", tree);

  say("7. A viewer sees every job, and changes none.");
  await run(...as("viewer"), "list", "failed");
  await run(...as("viewer"), "start", "--", "true");

  say("8. All jobs, the newest first.");
  await run("list", "all");
} catch (error) {
  if (error !== interrupted.signal.reason) throw error;
  say(messageOf(error));
} finally {
  if (daemon !== null) {
    say("9. SIGTERM to the daemon: it ends cleanly, and nothing is left running.");
    daemon.kill("SIGTERM");
    print(`exit status: ${(await daemon.status).code}`);
  }
  await Deno.remove(directory, { recursive: true });
}
Deno.exit(interrupted.signal.aborted ? 130 : 0);
