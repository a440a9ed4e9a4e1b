import { messageOf } from "../errors.ts";
import { isLasting } from "../files/lasting.ts";
import { diagnostics } from "./diagnostics.ts";
import type { RetryOptions } from "./retry.ts";

/**
 * How often to try to start. Somebody at a terminal wants to be told at once. A supervisor would only start us
 * again, so there we retry for half a minute what may pass, at longer and longer intervals.
 */
export function startRetryOptions(
  signal: AbortSignal,
  options: { supervised: boolean },
): RetryOptions {
  let left = options.supervised ? 5 : 0;
  return {
    pauseMs: { first: 1_000, last: 16_000 },
    signal,
    again: (error) => {
      if (isLasting(error) || left-- === 0) return false;
      diagnostics.error("Cannot start: {why}; trying again", { why: messageOf(error) });
      return true;
    },
  };
}
