/** A connection on which these bytes arrive, in pieces that end wherever there is a mark. */
export function arriving(
  whole: Uint8Array<ArrayBuffer>,
  marks: readonly number[] = [],
): { connection: Pick<Deno.Conn, "read" | "write" | "close">; read: () => number } {
  const places = marks.map((mark) => mark % (whole.byteLength + 1)).sort((a, b) => a - b);
  let at = 0;
  const connection = {
    read(into: Uint8Array): Promise<number | null> {
      const end = places.find((place) => place > at) ?? whole.byteLength;
      const piece = whole.subarray(at, Math.min(end, at + into.byteLength));
      into.set(piece);
      at += piece.byteLength;
      return Promise.resolve(piece.byteLength || null);
    },
    write: () => Promise.reject(new Error("Nobody listens")),
    close: () => {},
  };
  return { connection, read: () => at };
}
