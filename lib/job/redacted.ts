import { HIDDEN } from "./command.ts";
import { redactUrl } from "./notification.ts";
import type { Job } from "./types.ts";

/** A job without what may be a secret: the values of its variables, and most of the URL of its webhook. */
export function redacted(job: Job): Job {
  const { command, notify } = job;
  const names = Object.keys(command.env);
  if (names.length === 0 && notify === undefined) return job;
  const env = Object.fromEntries(names.map((name) => [name, HIDDEN]));
  return {
    ...job,
    command: { ...command, env },
    ...(notify !== undefined && { notify: { ...notify, url: redactUrl(notify.url) } }),
  };
}
