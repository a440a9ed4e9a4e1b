import { assert } from "./assert.ts";

/** How long anything may take on a machine that is busy with other things. */
const TIMEOUT_MS = 60_000;

/**
 * Waits for what is to come, and says what it was if it does not.
 *
 * @throws {AssertionError} if it takes longer than anything may
 */
export async function soon<T>(
  promise: Promise<T>,
  what: () => string,
  timeoutMs = TIMEOUT_MS,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    try {
      assert.fail(`Still waiting after ${timeoutMs} ms: ${what()}`);
    } catch (error) {
      late.reject(error);
    }
  }, timeoutMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
