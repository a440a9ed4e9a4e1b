/**
 * A function that does what another does, but whoever calls it before the last call has settled shares that one. So
 * what is stuck is not called again and again.
 *
 * ```ts
 * import { shareCall } from "./share_call.ts";
 *
 * const read = shareCall(async () => await Promise.resolve({}));
 * const [one, other] = await Promise.all([read(), read()]);
 * console.log(one === other); // true
 * ```
 */
export function shareCall<T>(call: () => Promise<T>): () => Promise<T> {
  let shared: Promise<T> | null = null;
  return () => shared ??= call().finally(() => shared = null);
}
