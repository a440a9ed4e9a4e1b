import { delay } from "../lib/async/delay.ts";
import { WakeUp } from "../lib/async/wake_up.ts";
import type { BareLog } from "./bare_logs.ts";
import type { BarePlace } from "./bare_place.ts";
import type { BareQuestions } from "./bare_questions.ts";

/** What a job runs. */
export interface BareCommand {
  readonly name: string;
  readonly args: readonly string[];
}

/** How far a job is. */
export interface BareState {
  /** How long its log is. */
  readonly bytes: number;
  /** Its exit code; `null` while it runs. */
  readonly code: number | null;
}

/** What is told of a job: first that it runs, then how its log grows, last that it has ended. */
export type BareRun = AsyncGenerator<BareState, void, undefined>;

/** As much as a pipe holds, see pipe(7). */
const PIPE_BYTES = 64 * 1024;

/** How long a log may grow before that is told again: what is told costs both sides more than what is printed. */
const PAUSE_MS = 4;

/** In a program that does other things, too, a job would be allowed as many open files as Deno allows itself. */
const USUAL_FILES = ["sh", "-c", 'ulimit -S -n 1024; exec "$@"', "sh"];

/**
 * Runs a command in a session of its own, and drops what it prints to stderr. Its end is told once its log would
 * outlast a power cut.
 */
export async function* runHere(
  { name, args }: BareCommand,
  log: BareLog,
  { withUsualFiles = false, questions = null, place = null }: {
    readonly withUsualFiles?: boolean;
    readonly questions?: BareQuestions | null;
    readonly place?: BarePlace | null;
  } = {},
): BareRun {
  await questions?.before(name);
  const entered = await place?.enter();
  const since = performance.now();
  const child = new Deno.Command("setsid", {
    args: [...withUsualFiles ? USUAL_FILES : [], ...entered?.words ?? [], name, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { pid, status, stdout, stderr } = child;
  await questions?.started(child);
  const discarded = stderr.cancel();
  yield { bytes: 0, code: null };
  const grown = new WakeUp();
  let bytes = 0;
  let code: number | null = null;
  const follow = async () => {
    const reader = stdout.getReader({ mode: "byob" });
    for (let room = new ArrayBuffer(PIPE_BYTES);;) {
      const { value, done } = await reader.read(new Uint8Array(room));
      if (done || value === undefined) break;
      room = log.write(value);
      bytes += value.byteLength;
      grown.notify();
    }
    await discarded;
    const end = await status;
    await questions?.ended(pid, since);
    await entered?.leave();
    await log.end();
    code = end.code;
    grown.notify();
  };
  const ended = follow();
  for (let told = 0; code === null;) {
    // In this order, so that what comes in between is not missed.
    const changed = grown.next();
    if (bytes === told) await Promise.race([changed, ended]);
    else {
      yield { bytes: told = bytes, code };
      await Promise.race([delay(PAUSE_MS), ended]);
    }
  }
  yield { bytes, code };
}
