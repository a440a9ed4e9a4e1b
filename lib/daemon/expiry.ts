import type { TlsMaterial } from "../auth/tls_material.ts";

const DAY_MS = 86_400_000;

/** Time enough for whoever has to ask somebody else for a new one. */
const WARN_BEFORE_DAYS = 30;

/**
 * Warns now, and once a day until it is disposed of, while a certificate has few days left.
 *
 * @param warn told how many whole days those are
 */
export function watchExpiry(
  { notAfter }: Pick<TlsMaterial, "notAfter">,
  warn: (days: number) => void,
): Disposable {
  let timer: ReturnType<typeof setTimeout>;
  const look = () => {
    timer = setTimeout(look, DAY_MS);
    const days = Math.floor((notAfter - Date.now()) / DAY_MS);
    if (days < WARN_BEFORE_DAYS) warn(days);
  };
  look();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
