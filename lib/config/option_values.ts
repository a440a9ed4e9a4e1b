/**
 * How the values of the daemon's options are parsed and checked. Each function throws an error that says what
 * is accepted; the caller adds which option it was.
 *
 * @module
 */

import { type Role, ROLES } from "../auth/identity.ts";
import { formatByteSize, parseByteSize, unitHint } from "../text/byte_size.ts";
import { formatDuration, parseDuration } from "../text/duration.ts";
import { messageOf } from "../errors.ts";
import { type HostPort, hostPortHint, parseHostPort } from "../net/host_port.ts";
import { isNamePattern, USUAL_SECRETS } from "../text/mask_secrets.ts";
import { MIN_LOG_LIMIT_BYTES } from "../job/log_limit.ts";

export function path(text: string): string {
  if (text === "" || text.includes("\0")) throw new Error("must be the path of a file");
  return text;
}

export function hostPort(text: string): HostPort {
  const parsed = parseHostPort(text);
  if (parsed !== null) return parsed;
  throw new Error(`must be host:port, such as 0.0.0.0:8080 or [::]:8080${hostPortHint(text)}`);
}

/** Where metrics are served; `null`: nowhere. Nobody has to prove who they are there, so a port alone is not for others. */
export function metricsAddress(text: string): HostPort | null {
  if (text === "off") return null;
  const parsed = parseHostPort(/^\d+$/.test(text) ? `127.0.0.1:${text}` : text);
  if (parsed !== null) return parsed;
  throw new Error(
    `must be a port, such as 9464, which is then on 127.0.0.1, host:port, or off${
      hostPortHint(text)
    }`,
  );
}

/** A default or a bound must be one that a job could have. */
export function durationUpTo(maxMs: number): (text: string) => number {
  return (text) => {
    const ms = parseDuration(text);
    if (ms <= maxMs) return ms;
    throw new Error(`must be at most ${formatDuration(maxMs)}`);
  };
}

export function durationOrForever(text: string): number {
  return text === "forever" ? Infinity : parseDuration(text);
}

export function logLimit(text: string): number {
  const bytes = parseByteSize(text);
  if (bytes >= MIN_LOG_LIMIT_BYTES) return bytes;
  throw new Error(`must be at least ${formatByteSize(MIN_LOG_LIMIT_BYTES)}${unitHint(text)}`);
}

/** Files that are too small would be so many that those with news are soon among the oldest. */
const MIN_AUDIT_LIMIT_BYTES = 1024 * 1024;

export function auditLimit(text: string): number {
  if (text === "off") return Infinity;
  const bytes = parseByteSize(text);
  if (bytes >= MIN_AUDIT_LIMIT_BYTES) return bytes;
  const least = formatByteSize(MIN_AUDIT_LIMIT_BYTES);
  throw new Error(`must be at least ${least}, or off${unitHint(text)}`);
}

const MAX_MASK_NAMES = 100;

export function maskNames(text: string): string[] {
  if (text === "off") return [];
  const names = listOf(text).flatMap((name) => name === "usual" ? USUAL_SECRETS : [name]);
  if (names.length > 0 && names.length <= MAX_MASK_NAMES && names.every(isNamePattern)) {
    return names;
  }
  throw new Error(
    "must be usual, off, or up to 100 names, separated by commas, such as usual,*-pin: " +
      "of letters, digits, _ - and ., and at most two * for any others",
  );
}

/** As browsers write it: in lower case, and without the default port. */
export function origin(text: string): string {
  const url = URL.parse(text);
  // Over http, passwords could be read on the way.
  if (url?.protocol === "https:" && `${url.origin}/` === url.href && !text.includes("*")) {
    return url.origin;
  }
  throw new Error("must be https://host or https://host:port, without a path, several by commas");
}

export function userName(text: string): string {
  if (/^([a-z_][a-z0-9_.-]{0,31})?$/i.test(text)) return text;
  throw new Error("must be the name of a user");
}

export function roleName(text: string): Role {
  const role = ROLES.find((role) => role === text);
  if (role !== undefined) return role;
  throw new Error(`must be roles, separated by commas: ${ROLES.join(", ")}`);
}

/** Below are users of the system, see login.defs(5); above, find(1) and others take no id for one. */
const MIN_UID = 1_000;
const MAX_UID = 2 ** 31 - 2;

/** The overflow id, which stands for those that the kernel cannot show. */
const NOBODY = 65_534;

/** Numeric ids of users, as `200000-265535`; `""` for none. */
export function uidRange(text: string): { first: number; last: number } | null {
  if (text === "") return null;
  const [first = 0, last = 0] = (/^(\d{1,10})-(\d{1,10})$/.exec(text)?.slice(1) ?? []).map(Number);
  const isRange = first >= MIN_UID && first <= last && last <= MAX_UID;
  if (isRange && (last < NOBODY || first > NOBODY)) return { first, last };
  throw new Error(
    `must be a range of user ids, such as 200000-265535, from ${MIN_UID} to ${MAX_UID} and without ${NOBODY}`,
  );
}

/** How many ids are in a range; without one, as many as anybody needs. */
export function uidCount(range: ReturnType<typeof uidRange>): number {
  return range === null ? Infinity : range.last - range.first + 1;
}

/** The parts of a list that is separated by commas. */
export function listOf(text: string): string[] {
  return text.split(/ *, */).filter((part) => part !== "");
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d{1,15}$/.test(text) && number >= min && number <= max) return number;
    throw new Error(`must be a whole number from ${min} to ${max}`);
  };
}

/** A number, or `auto` for what the daemon finds out by itself, which is `Infinity` until it has. */
export function orAuto(parse: (text: string) => number): (text: string) => number {
  return (text) => {
    if (text === "auto") return Infinity;
    try {
      return parse(text);
    } catch (error) {
      throw new Error(`${messageOf(error)}, or auto`, { cause: error });
    }
  };
}
