/** The colour of an icon by the status of its job; that of a running one is also the page's own. */
const COLOURS: Readonly<Record<string, string>> = {
  running: "#1f5fbf",
  queued: "#57606a",
  done: "#1a6b35",
  failed: "#b3261e",
  cancelled: "#7a5200",
};

/** The address of an icon: a square with a prompt or, if there is something to count, with a number in it. */
export function iconOf(status: string, count = 0): string {
  const sign = count === 0
    ? '<path d="m4 5 3 3-3 3m5 0h3" fill="none" stroke="#fff" stroke-width="1.6"/>'
    : '<text x="8" y="11.7" text-anchor="middle" font-family="sans-serif" font-weight="700" ' +
      `font-size="${count > 9 ? 9 : 11}" fill="#fff">${count > 99 ? "∞" : count}</text>`;
  const colour = COLOURS[status] ?? COLOURS.running;
  return "data:image/svg+xml," + encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">' +
      `<rect width="16" height="16" rx="3" fill="${colour}"/>${sign}</svg>`,
  );
}
