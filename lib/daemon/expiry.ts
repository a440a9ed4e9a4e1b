import type { TlsMaterial } from "../auth/tls_material.ts";

const DAY_MS = 86_400_000;

/** Enough time to get a new one from somebody else. */
const WARN_BEFORE_DAYS = 30;

/**
 * Warns at once, and then daily until it is disposed of, while a certificate has few days left.
 *
 * @param warn is told how many whole days are left
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
