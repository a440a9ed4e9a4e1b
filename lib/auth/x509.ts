/**
 * `@peculiar/x509`, which finds its parts by `reflect-metadata` and fails to load before it. They are
 * imported one after the other, in so many words: bundlers do not keep the order of import statements.
 *
 * It costs a process some 100 ms at start: the CLI should load what needs it when it needs it.
 *
 * @module
 */

import type * as X509 from "@peculiar/x509";

await import("reflect-metadata");

/** The package. */
export const x509: typeof X509 = await import("@peculiar/x509");

export type { Extension } from "@peculiar/x509";
