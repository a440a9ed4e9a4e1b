/**
 * `deno task demo`: the first minute with Job Worker, for real and in a temporary directory:
 * certificates, a daemon, jobs that go well, fail and are stopped, and a clean end.
 *
 * @module
 */

import { AS_ROOT, COMMAND_HINTS, programLine } from "../../tests/programs.ts";
import { type DemoStage, perform, print, say } from "./stage.ts";

/** Makes certificates, by the task for it. */
async function makeCertificates(stage: DemoStage): Promise<void> {
  print(`$ ${COMMAND_HINTS.makeCertificates}`);
  const permissions = ["--allow-write=certs", "--allow-sys=hostname"];
  await stage.spawn([...programLine("worker-cli", stage.directory, permissions), "certs"]).status;
}

/** Starts the daemon on a free port and waits until it says which. To dispose of it is a part of the demo. */
async function startDaemon(stage: DemoStage): Promise<AsyncDisposable> {
  const args = ["--address=127.0.0.1:0", ...AS_ROOT];
  print(`$ ${COMMAND_HINTS.startDaemon} ${args.join(" ")}`);
  // Ctrl-C is for the demo, which ends it in its turn.
  const line = ["setsid", ...programLine("worker-daemon", stage.directory), ...args];
  const child = stage.spawn(line, { stdout: "piped" });
  let text = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    stage.address = /listening on (\S+)\n/.exec(text)?.[1] ?? "";
    if (stage.address === "") continue;
    print(text.trim());
    return {
      async [Symbol.asyncDispose]() {
        say("9. SIGTERM to the daemon: it ends cleanly, and nothing is left running.");
        child.kill("SIGTERM");
        print(`exit status: ${(await child.status).code}`);
      },
    };
  }
  throw new Error("The daemon ended before it listened");
}

/** Certificate and key of another user than the one the CLI takes by default. */
function as(user: string): string[] {
  return [`--cert=certs/${user}-cert.pem`, `--key=certs/${user}-key.pem`];
}

await perform(async (stage) => {
  say("1. Certificates: a CA, one for the server, and one each for an admin, operator and viewer.");
  await makeCertificates(stage);

  say("2. The daemon, on a free port of this machine. It lets nobody in without a certificate.");
  await using _daemon = await startDaemon(stage);

  say("3. A job, with its output as it comes. `run` ends as the job does.");
  await stage.run(
    "run",
    "--",
    "sh",
    "-c",
    "for i in 1 2 3; do echo step $i; sleep 0.4; done; echo careful >&2",
  );

  say("4. The same in the background: `start` answers with the job's id; then its status and log.");
  const job = await stage.start("--label", "demo=yes", "--", "sh", "-c", "echo hello; date");
  await stage.run("wait", job);
  await stage.run("status", job);
  await stage.run("logs", "all", job, "--timestamps");

  say("5. A job that fails: the exit status of `run` is the job's own.");
  await stage.runRefused("run", "--", "sh", "-c", "echo cannot go on >&2; exit 3");

  say("6. A job with children, stopped: the whole tree ends, not only its first process.");
  const tree = await stage.start("--", "sh", "-c", "sleep 1000 & sleep 1000 & wait");
  await stage.run("stop", tree);
  await stage.run("status", tree);

  say("7. A viewer sees every job, and changes none.");
  await stage.run(...as("viewer"), "list", "failed");
  await stage.runRefused(...as("viewer"), "start", "--", "true");

  say("8. All jobs, the newest first.");
  await stage.run("list", "all");
});
