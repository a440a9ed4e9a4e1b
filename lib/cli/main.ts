import { abortable } from "../async/abortable.ts";
import { messageOf } from "../errors.ts";
import { audit } from "./commands/audit.ts";
import { certs } from "./commands/certs.ts";
import { context } from "./commands/context.ts";
import { hosts } from "./commands/hosts.ts";
import { health } from "./commands/health.ts";
import { list } from "./commands/list.ts";
import { logs } from "./commands/logs.ts";
import { output } from "./commands/output.ts";
import { prune } from "./commands/prune.ts";
import { restart } from "./commands/restart.ts";
import { rest } from "./commands/rest.ts";
import { run } from "./commands/run.ts";
import { runAll } from "./commands/run_all.ts";
import { signal } from "./commands/signal.ts";
import { start } from "./commands/start.ts";
import { status } from "./commands/status.ts";
import { stop } from "./commands/stop.ts";
import { stopAll } from "./commands/stop_all.ts";
import { update } from "./commands/update.ts";
import { wait } from "./commands/wait.ts";
import { COMPLETION_SCRIPTS } from "./completion_scripts.ts";
import type { Context } from "./context.ts";
import { ENDED_BY, FAILURE, USAGE } from "./exit_status.ts";
import { printFailure } from "./failure.ts";
import { parse } from "./grammar.ts";
import type { Invocation } from "./invocation.ts";
import { Interrupted, type Io, OutputClosed, printLine, tell } from "./io.ts";
import { permissionsFor } from "./permissions.ts";
import { printableLines } from "../text/printable.ts";
import { traced } from "../tracing/trace.ts";

/**
 * Runs a command line, and returns its exit status. Never rejects.
 *
 * @param args the arguments after the program's name
 */
export async function main(args: readonly string[], io: Io): Promise<number> {
  try {
    if (args[0] === "permissions") {
      const flags = permissionsFor(args.slice(1), io);
      if (flags.length > 0) await printLine(io.stdout, flags.join("\n"));
      return 0;
    }
    const parsed = parse(args, io.environment, io.directory);
    switch (parsed.kind) {
      case "text":
        await printLine(io.stdout, parsed.text.trimEnd());
        return 0;
      case "usage_error":
        await printLine(io.stderr, `worker-cli: ${printableLines(parsed.message)}`);
        return USAGE;
      case "invocation":
        // What a keeper does belongs to those who ask it.
        if (parsed.invocation.verb.kind === "__keep") return await invoke(parsed.invocation, io);
        return await traced(
          `worker-cli ${parsed.invocation.verb.kind}`,
          { kind: "internal" },
          () => invoke(parsed.invocation, io),
        );
    }
  } catch (error) {
    // As if SIGPIPE had ended us: `worker-cli logs all ID | head` is no reason to complain.
    if (error instanceof OutputClosed) return ENDED_BY.SIGPIPE;
    await printLine(io.stderr, `worker-cli: ${printableLines(messageOf(error))}`).catch(() => {});
    return FAILURE;
  }
}

async function invoke(invocation: Invocation, io: Io): Promise<number> {
  const { settings, verb } = invocation;
  try {
    if (verb.kind === "certs") return await certs({ io, settings }, verb);
    if (verb.kind === "rest") return await rest({ io, settings }, verb);
    if (verb.kind === "context") return await context({ io, settings }, verb);
    if (verb.kind === "__complete") {
      const { complete } = await import("./commands/complete.ts");
      return await complete(io, verb);
    }
    if (verb.kind === "__keep") {
      const { keep } = await import("./kept/keep.ts");
      await keep(io, settings);
      return 0;
    }
    if (verb.kind === "completions") {
      await printLine(io.stdout, COMPLETION_SCRIPTS[verb.shell]);
      return 0;
    }
    const { address } = settings;
    const lost = { tell: (words: string) => void tell(io, words) };
    const onReconnecting = () => lost.tell(`Lost the connection to ${address}; reconnecting…`);
    const onSilence = () =>
      void tell(io, `${address} accepts connections but does not answer yet; waiting…`);
    // Whoever asks about its health wants to know at once that it does not answer.
    const silence = verb.kind === "health" ? {} : { onSilence };
    await using client = await abortable(
      io.connect(settings, { onReconnecting, ...silence }),
      io.interrupted,
    );
    return await callDaemon(verb, { io, settings, client, lost });
  } catch (error) {
    if (error instanceof OutputClosed) throw error;
    if (error instanceof Interrupted) return ENDED_BY[error.signal];
    return await printFailure({ io, settings }, error);
  }
}

function callDaemon(
  verb: Exclude<
    Invocation["verb"],
    { kind: "certs" | "rest" | "context" | "completions" | "__complete" | "__keep" }
  >,
  context: Context,
): Promise<number> {
  switch (verb.kind) {
    case "start":
      return start(context, verb);
    case "run":
      return run(context, verb);
    case "run_all":
      return runAll(context, verb);
    case "restart":
      return restart(context, verb);
    case "stop":
      return stop(context, verb);
    case "stop_all":
      return stopAll(context, verb);
    case "signal":
      return signal(context, verb);
    case "update":
      return update(context, verb);
    case "status":
      return status(context, verb);
    case "output":
      return output(context, verb);
    case "logs":
      return logs(context, verb);
    case "list":
      return list(context, verb);
    case "wait":
      return wait(context, verb);
    case "prune":
      return prune(context, verb);
    case "audit":
      return audit(context, verb);
    case "hosts":
      return hosts(context, verb);
    case "health":
      return health(context);
  }
}
