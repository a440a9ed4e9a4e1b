import { delay } from "../../async/delay.ts";
import { failedPrecondition, JobWorkerError } from "../../errors.ts";
import { newId } from "../../ids.ts";
import type { Context } from "../context.ts";
import { printFailure } from "../failure.ts";
import type { RunAllVerb } from "../invocation.ts";
import { Interrupted, OutputClosed, warn } from "../io.ts";
import type { Host, HostSelector } from "../job_client.ts";
import { GroupPrinter } from "../many/group_printer.ts";
import { JsonPrinter } from "../many/json_printer.ts";
import { nodeSet } from "../many/node_set.ts";
import { PrefixPrinter } from "../many/prefix_printer.ts";
import type { Outputs, Printer } from "../many/printer.ts";
import { type Pace, RunOnMany } from "../many/run_on_many.ts";
import { roundedDown } from "../many/share.ts";
import { StatusLine } from "../many/status_line.ts";
import { countsText, stateWords, undoneLines } from "../many/summary.ts";
import { Targets, type TargetState } from "../many/targets.ts";
import { inWaves } from "../many/waves.ts";
import { printable } from "../../text/printable.ts";

/** The exit status if the command is not done at every host. */
const NOT_ALL_DONE = 1;

/**
 * Runs a command on many hosts of a fleet, and prints what they print.
 *
 * The first Ctrl-C starts nothing more and has the jobs stopped, while we keep printing what they print. The second
 * leaves at once, as a hang-up does, and as we do when nobody reads our output any more; what runs then goes on.
 */
export async function runAll(context: Context, verb: RunAllVerb): Promise<number> {
  const { io } = context;
  const hosts = await hostsOf(context, verb.job.on);
  const { requestId, on: _, ...job } = verb.job;
  const names = hosts.map(({ name }) => name);
  const targets = new Targets(names, job.command, requestId || newId());
  // A wave of hosts that are not there would try nothing.
  for (const { name, state, detail } of hosts) {
    if (state !== "online") targets.set(name, "offline", detail);
  }
  let failure: { readonly error: unknown } | null = null;
  {
    // A line that is wider than the terminal could not be taken away.
    const progress = () => progressText(targets).slice(0, io.stderr.columns - 1);
    await using status = new StatusLine(io, progress);
    const printer = printerOf(context, verb, { targets, names, outputs: status });
    const running = new RunOnMany({
      client: context.client,
      job,
      targets,
      pace: paceOf(context, verb, { targets, outputs: status }),
      signal: io.interruptedAgain,
      onEvent: (target, event) => printer.event(target, event),
      onUnstopped: ({ jobId, message }) =>
        say(status, `Cannot stop job ${printable(jobId)}: ${printable(message)}`),
    });
    const onInterrupted = () => {
      const { reason } = io.interrupted;
      if (reason instanceof Interrupted && reason.signal === "SIGHUP") return;
      running.stop();
      if (io.interruptedAgain.aborted || !io.stderr.isTerminal) return;
      void say(status, "Stopping all jobs; press Ctrl-C again to leave without waiting").catch(
        () => {},
      );
    };
    io.interrupted.addEventListener("abort", onInterrupted, { once: true });
    try {
      if (io.interrupted.aborted) onInterrupted();
      await running.run(inWaves(targets.in("waiting"), verb.waves));
    } catch (error) {
      failure = { error };
    } finally {
      io.interrupted.removeEventListener("abort", onInterrupted);
    }
    for (const { host } of targets.in("waiting")) targets.set(host, "not_started");
    if (!(failure?.error instanceof OutputClosed)) await printer.end();
  }
  const allDone = targets.count("done") === targets.size;
  const exitStatus = failure?.error instanceof JobWorkerError
    ? await printFailure(context, failure.error)
    : allDone
    ? 0
    : NOT_ALL_DONE;
  if (!allDone || io.stderr.isTerminal) await summarise(context, targets);
  if (failure !== null && !(failure.error instanceof JobWorkerError)) throw failure.error;
  if (io.interrupted.aborted) throw io.interrupted.reason;
  return exitStatus;
}

/** Which hosts it is for, in the order of their names. */
async function hostsOf({ io, client }: Context, on?: HostSelector): Promise<readonly Host[]> {
  const { hosts } = await client.listHosts({ ...(on && { on }) }, { signal: io.interrupted });
  if (hosts.length > 0) return hosts;
  if (on === undefined) {
    throw failedPrecondition(
      "This daemon has no hosts: it is no hub of a fleet, or none has been added; leave out --all",
    );
  }
  const labels = Object.entries(on.labels).map(([name, value]) => `${name}=${value}`);
  const which = [...on.host === "" ? [] : [on.host], ...labels].join(",");
  throw failedPrecondition(
    `There is no host for ${which}; to see those of the fleet: worker-cli hosts`,
  );
}

/** What the parts of a run have in common. */
interface Parts {
  readonly targets: Targets;
  readonly outputs: Outputs;
}

function printerOf(
  { settings }: Context,
  { form }: RunAllVerb,
  { targets, names, outputs }: Parts & { readonly names: readonly string[] },
): Printer {
  if (settings.json) return new JsonPrinter(targets, outputs);
  const color = settings.color && outputs.stdout.isTerminal;
  const prefix = new PrefixPrinter(names, outputs, { color });
  return form === "prefix" ? prefix : new GroupPrinter(outputs, { prefix });
}

function paceOf({ io }: Context, verb: RunAllVerb, { targets, outputs }: Parts): Pace {
  const { parallel, maxFailures, pause } = verb;
  const { confirm } = io;
  if (pause === "ask" && confirm === null) {
    throw failedPrecondition("--pause asks at a terminal, and there is none: give it a duration");
  }
  return {
    parallel,
    maxFailures: maxFailures === undefined ? null : roundedDown(maxFailures, targets.size),
    async pause({ wave, of, hosts }) {
      if (pause !== "ask") {
        await delay(pause, { signal: io.interrupted });
        return true;
      }
      // Takes the line away that tells how far it is.
      await outputs.stderr.write(new Uint8Array());
      const size = `${hosts} ${hosts === 1 ? "host" : "hosts"}`;
      const text = `${countsText(targets)}. Go on with wave ${wave} of ${of}, ${size}?`;
      return await confirm?.(text) ?? false;
    },
  };
}

/** How far it is; empty if nothing is in flight. */
function progressText(targets: Targets): string {
  if (targets.inFlight === 0) return "";
  const states: TargetState[] = ["waiting", "done", "failed", "refused", "offline", "unknown"];
  const counts = states.flatMap((state) => {
    const count = targets.count(state);
    return count === 0 ? [] : [`${count} ${stateWords(state)}`];
  });
  return [`Running on ${targets.inFlight} of ${targets.size} hosts`, ...counts].join(", ");
}

async function say({ stderr }: Pick<Outputs, "stderr">, words: string): Promise<void> {
  await stderr.write(new TextEncoder().encode(`worker-cli: ${words}\n`));
}

/** Says how it has ended. It does not fail if nobody reads it. */
async function summarise({ io, settings }: Context, targets: Targets): Promise<void> {
  const left = targets.in("unknown").filter(({ job }) => job !== null && job.end === null);
  const lines = settings.json ? [] : [countsText(targets), ...undoneLines(targets)];
  if (left.length > 0) {
    const where = nodeSet(left.map(({ host }) => host));
    lines.push(`Jobs may still run on ${where}; to see them: worker-cli list running`);
  }
  for (const line of lines) await warn(io, line);
}
