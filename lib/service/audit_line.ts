import type { Mask } from "../text/mask_secrets.ts";
import type { AuditEntry, Refusal } from "./audit.ts";

/**
 * How much of a command line is written, in characters of JSON, because its length is the caller's choice.
 * Less is written of a denied one, which costs its caller next to nothing.
 */
const MAX_ARGV = { allowed: 8192, denied: 512 };

/** How much of an argument is masked and then shown, in characters; even masked, no more finds room. */
const MAX_ARGUMENT = 64 * 1024;

/** The most characters that JSON turns one character into. */
const MAX_ESCAPED = "\\u0000".length;

/**
 * An entry as a line of JSON.
 *
 * @param mask for the arguments of its command; by default they are shown as they are
 */
export function auditLine(
  { caller, method, jobId, command, runAs = "", notify = "", ...rest }: AuditEntry,
  mask: Mask = (argument) => argument,
): string {
  const { decision, result, why = "", unreported = 0 } = rest;
  const shown = command === null ? {} : shownArgv(command, MAX_ARGV[decision], mask);
  return JSON.stringify({
    time: new Date().toISOString(),
    user: caller.identity.user,
    roles: caller.identity.roles,
    fingerprint: caller.fingerprint,
    peer: caller.peer,
    ...(caller.via !== undefined && { via: caller.via }),
    method,
    ...(jobId === "" ? {} : { jobId }),
    ...shown,
    ...(runAs !== "" && { runAs }),
    ...(notify !== "" && { notify }),
    decision,
    result,
    ...(why !== "" && { why }),
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
  { name, args }: NonNullable<AuditEntry["command"]>,
  most: number,
  mask: Mask,
): { argv: string[]; argvTruncated?: number } {
  const argv: string[] = [];
  let room = most;
  let leftOut = 0;
  for (const [at, arg] of [name, ...args].entries()) {
    const begin = arg.slice(0, MAX_ARGUMENT);
    // The program is no secret.
    const masked = at === 0 ? begin : mask(begin, args[at - 2]);
    // The quotes and a comma take room, too.
    const shown = fitting(masked, room - 3);
    if (shown === null) break;
    argv.push(shown);
    room -= JSON.stringify(shown).length + 1;
    leftOut = arg.length - begin.length + masked.length - shown.length;
    if (leftOut > 0) break;
  }
  for (const arg of args.slice(argv.length - 1)) leftOut += arg.length;
  return argv.length === args.length + 1 && leftOut === 0 ? { argv } : {
    argv,
    argvTruncated: leftOut,
  };
}

/** As much of a text as is sure to fit as JSON, all of it if that fits; `null` if there is no room at all. */
function fitting(text: string, room: number): string | null {
  if (room < 0) return null;
  if (text.length <= room && JSON.stringify(text).length - 2 <= room) return text;
  return text.slice(0, Math.floor(room / MAX_ESCAPED));
}
