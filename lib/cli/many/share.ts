import { invalidArgument } from "../../errors.ts";
import { quoted } from "../../text/quoted.ts";

/** So many of something, or a part of all of it in percent. */
export type Share = { readonly count: number } | { readonly percent: number };

/** Reads `10` or `10%`, both above 0. */
export function parseShare(text: string): Share {
  const [, digits = "", sign] = /^(\d{1,9})(%?)$/.exec(text.trim()) ?? [];
  const number = Number(digits);
  if (number > 0 && sign === "") return { count: number };
  if (number > 0 && number <= 100) return { percent: number };
  throw invalidArgument(
    `${quoted(text)} is neither a number of hosts, such as 5, nor a part of them, from 1% to 100%`,
  );
}

/** How many of a total it is at least, that is rounded up. */
export function roundedUp(share: Share, total: number): number {
  return "count" in share ? share.count : Math.ceil(share.percent * total / 100);
}

/** How many of a total it is at most, that is rounded down, but never none. */
export function roundedDown(share: Share, total: number): number {
  return "count" in share ? share.count : Math.max(1, Math.floor(share.percent * total / 100));
}

export function shareText(share: Share): string {
  return "count" in share ? String(share.count) : `${share.percent}%`;
}
