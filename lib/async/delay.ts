import { abortable } from "./abortable.ts";

/**
 * Resolves after `ms` milliseconds.
 *
 * @throws the reason of the signal, once that is aborted
 */
export async function delay(ms: number, options: { signal?: AbortSignal } = {}): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await abortable(promise, options.signal);
  } finally {
    clearTimeout(timer);
  }
}
