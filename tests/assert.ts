/** The assertions of most tests; others have those of `@std/assert`, see `docs/packages.md`. */
export { default as assert } from "node:assert/strict";
