/**
 * How long ago something was, and for how long it has gone on, as time goes by.
 *
 * @module
 */

const UNITS = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1000]];

/** A length of time in its two largest units and whole seconds, as `liveSpan()` of the daemon has it. */
export function spanText(ms) {
  let rest = Math.max(0, ms);
  const parts = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.slice(0, 2).join("") || "0s";
}

/**
 * Says of each time on a page, or a part of it, how long ago it is.
 *
 * @param {number} now milliseconds since the Unix epoch, by the clock of the daemon
 */
export function tellAges(page, now) {
  for (const time of page.querySelectorAll("time")) {
    const span = spanText(now - Date.parse(time.dateTime));
    const text = time.classList.contains("since") ? span : `${span} ago`;
    if (time.textContent !== text) time.textContent = text;
  }
}
