/**
 * Requests and answers as frames: what JSON can hold is in the head, and their bytes are behind it as they are.
 *
 * @module
 */

/** Stands for bytes in the head. No request or answer has a number under a name that a user chooses. */
interface Place {
  readonly $bytes: number;
}

/** The head for a value; its bytes are added to `parts`. */
export function pack(value: unknown, parts: Uint8Array<ArrayBuffer>[]): unknown {
  if (value instanceof Uint8Array) {
    // No bytes of ours are shared between threads.
    parts.push(value as Uint8Array<ArrayBuffer>);
    return { $bytes: value.byteLength } satisfies Place;
  }
  return mapped(value, (inner) => pack(inner, parts));
}

/** The value of a head and the bytes behind it. */
export function unpack(head: unknown, bytes: Uint8Array<ArrayBuffer>): unknown {
  let at = 0;
  const open = (value: unknown): unknown =>
    isPlace(value) ? bytes.subarray(at, at += value.$bytes) : mapped(value, open);
  return open(head);
}

function mapped(value: unknown, map: (inner: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(map);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, map(inner)]));
}

function isPlace(value: unknown): value is Place {
  return typeof value === "object" && value !== null && "$bytes" in value &&
    typeof value.$bytes === "number";
}
