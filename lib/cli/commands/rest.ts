import { invalidArgument, JobWorkerError } from "../../errors.ts";
import { START_DAEMON } from "../../text/command_hints.ts";
import { adviceForServerCertificate } from "../advice.ts";
import { changing } from "../changing.ts";
import { printFailure } from "../failure.ts";
import type { RestVerb, Settings } from "../invocation.ts";
import { Interrupted, type Io, OutputClosed, printLine, type RestCalls, tell } from "../io.ts";
import { jsonLine, printable } from "../../text/printable.ts";

/** Callers such as supervisors want an answer even if the daemon hangs. */
const HEALTH_TIMEOUT_MS = 5_000;

/** Does the same as the subcommands of these names, but over REST, as a user with a password. */
export async function rest(
  { io, settings }: { io: Io; settings: Settings },
  verb: RestVerb,
): Promise<number> {
  try {
    return await call(io, settings, verb);
  } catch (error) {
    if (error instanceof OutputClosed || error instanceof Interrupted) throw error;
    return await printFailure({ io, settings }, error, (known) => adviceFor(known, verb, settings));
  }
}

async function call(io: Io, settings: Settings, verb: RestVerb): Promise<number> {
  const { address, call } = verb;
  const print = (json: unknown, text: string) =>
    printLine(io.stdout, settings.json ? jsonLine(json) : printable(text));
  const ca = await io.readTextFile(settings.ca);
  const credentials = call.kind === "health" ? null : await credentialsOf(io, verb);
  using client = await io.connectRest({ address, ca, ...(credentials && { credentials }) });
  const signal = io.interrupted;
  switch (call.kind) {
    case "health":
      await health(client, signal);
      await print({ status: "ok" }, "ok");
      return 0;
    case "start": {
      const jobId = await changing(
        io,
        client.start(call.command, call.args, { signal }),
        "the job may have been started",
      );
      await print({ status: "running", jobId, error: null }, jobId);
      return 0;
    }
    case "stop":
      await changing(
        io,
        client.stop(call.jobId, { signal }),
        `job ${printable(call.jobId)} may still be stopping, or may not have been asked to stop`,
      );
      if (settings.json) await print({ status: "success", error: null }, "");
      else await tell(io, `Job ${printable(call.jobId)} was stopped`);
      return 0;
    case "status": {
      const jobStatus = await client.status(call.jobId, { signal });
      await print({ status: "success", error: null, jobStatus }, jobStatus);
      return 0;
    }
  }
}

async function health(client: RestCalls, interrupted: AbortSignal): Promise<void> {
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new JobWorkerError("deadline_exceeded", "No answer from the daemon")),
    HEALTH_TIMEOUT_MS,
  );
  try {
    await client.health({ signal: AbortSignal.any([interrupted, late.signal]) });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The password is never an argument: every user of the machine could see it, and shells would
 * record it.
 */
async function credentialsOf(
  io: Io,
  { user, passwordFile }: RestVerb,
): Promise<{ user: string; password: string }> {
  if (user === "") {
    throw invalidArgument("The user is missing: pass --user or set WORKER_USER");
  }
  if (passwordFile !== "") {
    const [password = ""] = (await io.readTextFile(passwordFile)).split(/\r?\n/);
    return { user, password };
  }
  const password = io.environment("WORKER_PASSWORD") ||
    await io.askPassword(`Password of ${printable(user)}: `);
  return { user, password };
}

/** What to do next about a call that failed; `null` if its message says it all. */
function adviceFor(error: JobWorkerError, verb: RestVerb, settings: Settings): string | null {
  const { address, user } = verb;
  switch (error.reason) {
    case "ECONNREFUSED":
      return `Is the daemon running, with REST at ${address}? Start it with \`${START_DAEMON}\`, ` +
        "or pass its address with --rest-address host:port";
    case "NOT_REST":
    case "EPROTO":
      return "The daemon says at its start on which port it serves REST: pass that with --rest-address host:port [8443]";
    case "SERVER_CERTIFICATE_UNTRUSTED":
    case "SERVER_CERTIFICATE_EXPIRED":
    case "SERVER_NAME_MISMATCH":
      return adviceForServerCertificate(error.reason, settings.ca);
  }
  switch (error.code) {
    case "unauthenticated":
      return `Where the daemon runs, give "${user}" a password with \`worker-daemon user add\`, then reload it`;
    case "permission_denied":
      return `Where the daemon runs, give "${user}" a role with \`worker-daemon user add --role\`, then reload it`;
    default:
      return null;
  }
}
