/**
 * The webhook that is told how a job has ended: which URLs there may be, and how much of them is shown.
 *
 * @module
 */

import { JobWorkerError } from "../errors.ts";
import { quoted } from "../text/quoted.ts";
import type { Notification } from "./types.ts";

export const MAX_NOTIFY_URL_LENGTH = 2048;

/** What such a URL must be, in words. */
export const NOTIFY_URL_RULE =
  `must be an https URL of at most ${MAX_NOTIFY_URL_LENGTH} characters, without a user, a password or a fragment`;

/** @returns `null` for what nobody can be told by */
export function parseNotifyUrl(text: string): URL | null {
  const url = text.length > MAX_NOTIFY_URL_LENGTH ? null : URL.parse(text);
  // The name of a user would be sent in a header of its own, and a fragment not at all.
  const isPlain = url?.protocol === "https:" && url.username === "" && url.password === "" &&
    url.hash === "" && url.href.length <= MAX_NOTIFY_URL_LENGTH;
  return isPlain ? url : null;
}

/** @throws `invalid_argument` */
export function checkNotifyUrl(text: string): URL {
  const url = parseNotifyUrl(text);
  if (url !== null) return url;
  throw new JobWorkerError(
    "invalid_argument",
    `Invalid notify ${quoted(text)}: ${NOTIFY_URL_RULE}`,
    { field: "notify" },
  );
}

/**
 * @param allowed hosts as `URL.host` has them
 * @throws `invalid_argument`; `failed_precondition` for a host that the daemon may not tell
 */
export function checkNotify(text: string, allowed: readonly string[]): void {
  const { host } = checkNotifyUrl(text);
  if (allowed.includes(host)) return;
  const why = allowed.length === 0
    ? "this daemon calls no webhooks of jobs; whoever runs it can allow hosts by --notify-allow"
    : `this daemon calls webhooks at ${allowed.join(", ")} only (--notify-allow)`;
  throw new JobWorkerError("failed_precondition", `Cannot notify ${quoted(host)}: ${why}`, {
    field: "notify",
  });
}

/** The notification of a job that has been asked for a moment ago. */
export function newNotification(url: string): Notification {
  return { url: checkNotifyUrl(url).href, state: "pending" };
}

/** A URL without what may be a secret in it: many services have one in the path. */
export function redactUrl(url: string): string {
  return `${URL.parse(url)?.origin ?? "https:/"}/***`;
}

/** What tells a webhook that is to be told of a job from all others. */
export function notificationKey(
  { jobId, url }: { readonly jobId: string; readonly url: string },
): string {
  return `${jobId} ${url}`;
}
