/**
 * How the options about webhooks are parsed and checked, as those in `option_values.ts` are.
 *
 * @module
 */

import { NOTIFY_URL_RULE, parseNotifyUrl } from "../job/notification.ts";
import { END_STATUSES, type JobFilter } from "../job/types.ts";
import { listOf } from "./option_values.ts";

const MAX_HOSTS = 64;
const MAX_HOOKS = 8;

/** The hosts of webhooks, as `URL.host` has them. */
export function webhookHosts(text: string): string[] {
  const hosts = listOf(text).map(hostOf);
  if (hosts.length > MAX_HOSTS) throw new Error(`must be at most ${MAX_HOSTS} hosts`);
  return [...new Set(hosts)];
}

function hostOf(text: string): string {
  const url = URL.parse(`https://${text}`);
  if (url !== null && url.href === `${url.origin}/` && !text.includes("*")) return url.host;
  throw new Error(
    "must be hosts, each with its port unless that is 443, separated by commas, such as " +
      "hooks.example,chat.example:8443",
  );
}

/** The URLs of webhooks, as `URL.href` has them. */
export function webhooks(text: string): string[] {
  const urls = listOf(text).map((text) => {
    const url = parseNotifyUrl(text);
    if (url !== null) return url.href;
    throw new Error(
      `each ${NOTIFY_URL_RULE}; several are separated by commas, and have %2C for one`,
    );
  });
  if (urls.length > MAX_HOOKS) throw new Error(`must be at most ${MAX_HOOKS} URLs`);
  return [...new Set(urls)];
}

/** Which jobs that have ended: `status=failed,status=cancelled,label=team=blue,owner=alice`. */
export function endedJobs(text: string): JobFilter {
  const pairs = listOf(text).map((term) => {
    const [, name = "", value = ""] = /^([a-z]+)=(.+)$/.exec(term) ?? [];
    return [name, value] as const;
  });
  const valuesOf = (name: string) =>
    pairs.filter(([key]) => key === name).map(([, value]) => value);
  const statuses = END_STATUSES.filter((status) => valuesOf("status").includes(status));
  const labels = valuesOf("label").map((label) => /^([^=]+)=(.*)$/.exec(label)?.slice(1) ?? []);
  const [owner] = valuesOf("owner");
  const isGood = pairs.every(([name]) => ["status", "label", "owner"].includes(name)) &&
    statuses.length === new Set(valuesOf("status")).size &&
    labels.every((label) => label.length === 2) &&
    new Set(labels.map(([name]) => name)).size === labels.length &&
    valuesOf("owner").length <= 1;
  if (!isGood) {
    throw new Error(
      `must be status=${
        END_STATUSES.join(", status=")
      }, label=NAME=VALUE, each name once, or owner=NAME, ` +
        "separated by commas: one of the statuses, and all else",
    );
  }
  return {
    ...(statuses.length > 0 && { statuses }),
    ...(labels.length > 0 && { labels: Object.fromEntries(labels) }),
    ...(owner !== undefined && { owner }),
  };
}
