import type { AuditEntry, Refusal } from "./audit.ts";

/**
 * How much of a command line is written, in characters of JSON, because its length is the caller's choice.
 * Less is written of a denied one, which costs its caller next to nothing.
 */
const MAX_ARGV = { allowed: 8192, denied: 512 };

/** The most characters that JSON turns one character into. */
const MAX_ESCAPED = "\\u0000".length;

/** An entry as a line of JSON. */
export function auditLine(
  { caller, method, jobId, command, decision, result, unreported = 0 }: AuditEntry,
): string {
  return JSON.stringify({
    time: new Date().toISOString(),
    user: caller.identity.user,
    roles: caller.identity.roles,
    fingerprint: caller.fingerprint,
    peer: caller.peer,
    method,
    ...(jobId === "" ? {} : { jobId }),
    ...(command === null ? {} : shownArgv([command.name, ...command.args], MAX_ARGV[decision])),
    decision,
    result,
    ...(unreported > 0 && { unreported }),
  }) + "\n";
}

/** A refusal as a line of JSON, with those fields of an entry that apply. */
export function refusalLine(
  { method, peer, user, fingerprint, why, unreported }: Refusal,
): string {
  return JSON.stringify({
    time: new Date().toISOString(),
    ...(user !== "" && { user }),
    ...(fingerprint !== "" && { fingerprint }),
    peer,
    method,
    decision: "denied",
    result: "unauthenticated",
    why,
    ...(unreported > 0 && { unreported }),
  }) + "\n";
}

/** A line in place of entries that were lost because the disk accepted none for too long. */
export function lossLine(lost: number): string {
  return JSON.stringify({ time: new Date().toISOString(), lost }) + "\n";
}

/** A line that marks bytes of the file, from one offset to another, as damaged by a power cut. */
export function damageLine(from: number, to: number): string {
  return JSON.stringify({ time: new Date().toISOString(), damaged: { from, to } }) + "\n";
}

/** The beginning of a command line; `argvTruncated` is how many characters were left out, if any. */
function shownArgv(
  whole: readonly string[],
  most: number,
): { argv: string[]; argvTruncated?: number } {
  const argv: string[] = [];
  let room = most;
  for (const arg of whole) {
    // The quotes and a comma take room, too.
    const shown = fitting(arg, room - 3);
    if (shown === null) break;
    argv.push(shown);
    room -= JSON.stringify(shown).length + 1;
    if (shown.length < arg.length) break;
  }
  const argvTruncated = lengthOf(whole) - lengthOf(argv);
  return argv.length === whole.length && argvTruncated === 0 ? { argv } : { argv, argvTruncated };
}

/** As much of a text as is sure to fit as JSON, all of it if that fits; `null` if there is no room at all. */
function fitting(text: string, room: number): string | null {
  if (room < 0) return null;
  if (text.length <= room && JSON.stringify(text).length - 2 <= room) return text;
  return text.slice(0, Math.floor(room / MAX_ESCAPED));
}

function lengthOf(argv: readonly string[]): number {
  return argv.reduce((sum, { length }) => sum + length, 0);
}
