/**
 * What is sent to a webhook: the message and its signature of the Standard Webhooks specification
 * (https://www.standardwebhooks.com), for which there are libraries in most languages.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import { jobJson } from "../job/job_json.ts";
import { dateText } from "../job/job_words.ts";
import { redacted } from "../job/redacted.ts";
import type { Job } from "../job/types.ts";

/** How an HTTP request to a webhook looks. */
export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The most characters of a body, which is well below what the receivers of webhooks usually take. */
export const MAX_BODY_LENGTH = 64 * 1024;

/** How much is left of the name of a program if the command is too long. */
const MAX_NAME_LENGTH = 256;

/**
 * The message that a job has ended: the job as it is shown to those who may only look, without secrets. It is the same
 * each time, however often it is sent.
 */
export function webhookBody(job: Job): string {
  const data = jobJson(redacted(job));
  const body = bodyOf(job, data);
  if (body.length <= MAX_BODY_LENGTH) return body;
  const name = job.command.name.slice(0, MAX_NAME_LENGTH);
  const command = { name, args: [], env: {}, workingDirectory: "" };
  return bodyOf(job, { ...data, command, commandTruncated: true });
}

function bodyOf({ end }: Job, data: object): string {
  return JSON.stringify({ type: "job.ended", timestamp: dateText(end?.finishedAt ?? 0), data });
}

/**
 * A request, signed with each of the keys, so that a receiver who knows any of them can verify it.
 *
 * @param now in milliseconds since the Unix epoch
 */
export function webhookRequest(
  { job, url }: { readonly job: Job; readonly url: string },
  keys: readonly Uint8Array[],
  now: number,
): WebhookRequest {
  const body = webhookBody(job);
  // It tells receivers what they have had already. A job ends once.
  const id = `ended_${job.jobId}`;
  const timestamp = String(Math.floor(now / 1000));
  const signatures = keys.map((key) =>
    `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`
  );
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
  return { url, headers, body };
}
