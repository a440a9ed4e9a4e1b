/** The assertions of every test. `jsr:@std/assert` is out of reach of the build machines. */
export { default as assert } from "node:assert/strict";
