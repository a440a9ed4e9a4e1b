/** The errors, see errno(3), of what has run out: room on the disk, descriptors, memory, processes. */
const SHORTAGES = new Set([
  "EAGAIN",
  "EDQUOT",
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
  "ENOSPC",
]);

/** Whether an error says only that something has run out, of which there may be some again a moment later. */
export function isShortage(error: unknown): boolean {
  return SHORTAGES.has(String(Reflect.get(Object(error), "code")));
}
