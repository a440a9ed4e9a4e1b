/** Where a wait that grows begins, and where it stays; both in the same unit. */
export interface Growth {
  readonly first: number;
  readonly last: number;
}

/**
 * Growing waits, for repeated attempts.
 *
 * @returns a function that gives the first wait, and then each time twice the one before, up to the last
 */
export function doubling({ first, last }: Growth): () => number {
  let next = first;
  return () => {
    const wait = next;
    next = Math.min(2 * wait, last);
    return wait;
  };
}
