/**
 * What this program was built of: `source` when it runs from the source tree, else a commit. The build
 * puts another module in the place of this one, see `build/bundle.ts`.
 *
 * @module
 */

/** The commit, or `source`. */
export const BUILD: string = "source";
