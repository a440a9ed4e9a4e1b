/**
 * Marks in runs of text what one looks for.
 *
 * @module
 */

/**
 * What finds a text as it is, in upper or lower case; `null` for an empty one.
 *
 * @param {string} text
 * @returns {RegExp | null}
 */
export function patternOf(text) {
  return text === "" ? null : new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu");
}

/**
 * Splits runs so that each find is in runs of its own.
 *
 * @param {{ text: string, classes: string }[]} runs
 * @param {RegExp | null} pattern a global one
 * @returns {{ text: string, classes: string, isFound: boolean }[]}
 */
export function marked(runs, pattern) {
  const whole = runs.map(({ text }) => text).join("");
  // Where a find begins and ends, in turns.
  const edges = pattern === null ? [] : [...whole.matchAll(pattern)]
    .flatMap(({ 0: found, index }) => [index, index + found.length]);
  let end = 0;
  return runs.flatMap(({ text, classes }) => {
    const start = end;
    end += text.length;
    const cuts = [start, ...edges.filter((edge) => edge > start && edge < end), end];
    return cuts.slice(1).map((next, index) => ({
      text: text.slice(cuts[index] - start, next - start),
      classes,
      isFound: edges.filter((edge) => edge <= cuts[index]).length % 2 === 1,
    }));
  });
}
