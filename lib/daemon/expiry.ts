const DAY_MS = 86_400_000;

/** Enough time to get a new one from somebody else. */
const WARN_BEFORE_DAYS = 30;

/**
 * Warns at once, and then daily until it is disposed of, while a certificate has few days left.
 *
 * @param notAfter when it expires, in milliseconds since the Unix epoch
 * @param warn is told what to say of the certificate: `"expires in 29 days"`, `"has expired"`
 */
export function watchExpiry(
  notAfter: number,
  warn: (expires: string) => void,
): Disposable {
  let timer: ReturnType<typeof setTimeout>;
  const look = () => {
    timer = setTimeout(look, DAY_MS);
    const days = Math.floor((notAfter - Date.now()) / DAY_MS);
    if (days < WARN_BEFORE_DAYS) warn(expiresText(days));
  };
  look();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

function expiresText(days: number): string {
  if (days < 0) return "has expired";
  return days === 0 ? "expires within a day" : `expires in ${days} ${days === 1 ? "day" : "days"}`;
}
