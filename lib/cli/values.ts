/**
 * Parsers of option values. Each returns the value or throws a `JobWorkerError`
 * `invalid_argument` that says what is accepted.
 *
 * @module
 */

import { type Role, ROLES } from "../auth/identity.ts";
import { parseByteSize, unitHint } from "../text/byte_size.ts";
import { formatDuration, parseDuration } from "../text/duration.ts";
import { invalidArgument, messageOf } from "../errors.ts";
import { quoted } from "../text/quoted.ts";
import { hostPortHint, parseHostPort } from "../net/host_port.ts";
import { MAX_GRACE_PERIOD_MS, MAX_TIMEOUT_MS } from "../job/execution.ts";
import { HOST_NAME, type HostSelector, IF_HOST_LOST, type IfHostLost } from "../job/host.ts";
import { LABEL_NAME, LABEL_NAME_RULE } from "../job/labels.ts";
import { parseLogPolicy } from "../job/log_limit.ts";
import type { LogPolicy } from "../job/types.ts";

/** A `host:port` or `[IPv6 address]:port` that can be connected to. */
export function parseAddress(text: string): string {
  if ((parseHostPort(text)?.port ?? 0) !== 0) return text;
  throw invalidArgument(
    `Address ${JSON.stringify(text)} is not host:port, for example localhost:8080 or [::1]:8080` +
      hostPortHint(text),
  );
}

/** Adds one `NAME=VALUE` to those read before it. */
export function parsePair(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const separator = text.indexOf("=");
  if (separator < 1) {
    throw invalidArgument(`${JSON.stringify(text)} is not NAME=VALUE`);
  }
  const name = text.slice(0, separator);
  if (Object.hasOwn(previous, name)) {
    throw invalidArgument(`${JSON.stringify(name)} is given twice`);
  }
  return { ...previous, [name]: text.slice(separator + 1) };
}

/** Adds one label to those read before it. */
export function parseLabel(
  text: string,
  previous?: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const labels = parsePair(text, previous);
  const wrong = Object.keys(labels).find((name) => !LABEL_NAME.test(name));
  if (wrong === undefined) return labels;
  throw invalidArgument(`${quoted(wrong)} is not the name of a label: it ${LABEL_NAME_RULE}`);
}

/** Where in a fleet a job is to run: the name of a host, or labels as `NAME=VALUE`, separated by commas. */
export function parseSelector(text: string): HostSelector {
  if (!text.includes("=")) return { host: parseHostName(text), labels: {} };
  const labels = text.split(",").reduce<Readonly<Record<string, string>>>(
    (before, pair) => parseLabel(pair.trim(), before),
    {},
  );
  return { host: "", labels };
}

/** What becomes of a job whose host is lost. */
export function parseIfHostLost(text: string): IfHostLost {
  const word = IF_HOST_LOST.find((word) => word === text);
  if (word !== undefined) return word;
  throw invalidArgument(`${quoted(text)} is not one of ${IF_HOST_LOST.join(", ")}`);
}

/** The name of a host of a fleet. */
export function parseHostName(text: string): string {
  if (HOST_NAME.test(text)) return text;
  throw invalidArgument(
    `${quoted(text)} is not the name of a host, which has 1 to 63 of a-z, 0-9 and -`,
  );
}

/** A text that is not empty. On the wire, an empty one would mean that the option was not given. */
export function parseText(text: string): string {
  if (text !== "") return text;
  throw invalidArgument("It is empty: leave the option out instead");
}

/** Adds one value to those read before it. */
export function parseRepeated(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text];
}

/** Adds roles, separated by commas, to those read before them. */
export function parseRoles(text: string, previous: readonly Role[] = []): readonly Role[] {
  const roles = text.split(",").map((word) => {
    const role = ROLES.find((role) => role === word.trim());
    if (role !== undefined) return role;
    throw invalidArgument(
      `${JSON.stringify(word)} is not a role: the roles are ${ROLES.join(", ")}`,
    );
  });
  return [...new Set([...previous, ...roles])];
}

/** How many days a certificate is valid. */
export function parseDays(text: string): number {
  const days = /^\d{1,4}$/.test(text) ? Number(text) : NaN;
  if (days >= 1 && days <= 3650) return days;
  throw invalidArgument(`${JSON.stringify(text)} is not a number of days from 1 to 3650`);
}

/** A whole number from `min` to 2^32 - 1, the largest `uint32`. */
export function parseCount(text: string, min: number): number {
  const count = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (count >= min && count <= 0xffff_ffff) return count;
  throw invalidArgument(
    `${JSON.stringify(text)} is not a whole number from ${min} to ${0xffff_ffff}`,
  );
}

/** A number without a unit, such as `1.5` or `-5`; the daemon decides which are valid. */
export function parseNumber(text: string): number {
  const number = /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (Number.isFinite(number)) return number;
  throw invalidArgument(`${JSON.stringify(text)} is not a number`);
}

/** A limit, which cannot be 0: on the wire, 0 would mean that the option was not given. */
export function limitBy(parse: (text: string) => number): (text: string) => number {
  return (text) => {
    const limit = parse(text);
    if (limit !== 0) return limit;
    throw invalidArgument(
      `${JSON.stringify(text)} is not a limit: leave the option out instead`,
    );
  };
}

/** A limit in bytes; the daemon decides which are valid, but we point out a forgotten unit. */
export function parseSize(text: string): number {
  const hint = unitHint(text);
  if (hint === "") return parseByteSize(text);
  throw invalidArgument(`${text} bytes is too small${hint}`);
}

/**
 * A duration that the daemon accepts, in milliseconds. It would name the limit in milliseconds too.
 */
function parseDurationUpTo(maxMs: number, text: string): number {
  const ms = parseDuration(text);
  if (ms <= maxMs) return ms;
  throw invalidArgument(
    `Duration ${JSON.stringify(text)} is too long: it can be at most ${formatDuration(maxMs)}`,
  );
}

/** The longest time to keep a connection that nobody uses, in milliseconds. */
const MAX_KEEP_MS = 7 * 24 * 60 * 60 * 1000;

/** How long to keep a connection that nobody uses, in milliseconds. */
export function parseKeepTime(text: string): number {
  return parseDurationUpTo(MAX_KEEP_MS, text);
}

/** The longest pause between two waves, in milliseconds. */
const MAX_PAUSE_MS = 7 * 24 * 60 * 60 * 1000;

/** How long to pause between waves, in milliseconds. */
export function parsePause(text: string): number {
  const ms = parseDurationUpTo(MAX_PAUSE_MS, text);
  if (ms > 0) return ms;
  throw invalidArgument(`${JSON.stringify(text)} is no pause: leave the option out instead`);
}

/** How long a job has to end after a stop signal, in milliseconds. */
export function parseGracePeriod(text: string): number {
  return parseDurationUpTo(MAX_GRACE_PERIOD_MS, text);
}

/** How long a job may run, in milliseconds. */
export function parseTimeout(text: string): number {
  const ms = parseDurationUpTo(MAX_TIMEOUT_MS, text);
  // On the wire, 0 would mean no limit.
  if (ms > 0) return ms;
  throw invalidArgument(
    `${JSON.stringify(text)} is not a valid time limit: it must be more than 0`,
  );
}

/** The same, or 0 for `none`: no limit. */
export function parseTimeoutOrNone(text: string): number {
  return text === "none" ? 0 : parseTimeout(text);
}

/** What to do when a log reaches its limit. */
export function parsePolicy(text: string): LogPolicy {
  try {
    return parseLogPolicy(text);
  } catch (error) {
    throw invalidArgument(`${JSON.stringify(text)} is not valid: it ${messageOf(error)}`);
  }
}
