import { distance } from "fastest-levenshtein";

/**
 * Finds what somebody may have meant by an unknown word.
 *
 * @returns the candidate that is the fewest edits away, or `null` if none is near
 */
export function closest(word: string, candidates: readonly string[]): string | null {
  const farthest = Math.max(1, Math.floor(word.length / 3));
  let best: string | null = null;
  let fewest = farthest + 1;
  for (const candidate of candidates) {
    const edits = distance(word.toLowerCase(), candidate.toLowerCase());
    if (edits < fewest) [best, fewest] = [candidate, edits];
  }
  return best;
}
