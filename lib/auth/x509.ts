/**
 * `@peculiar/x509`, which needs `reflect-metadata` and fails to load before it. They are imported one
 * after the other with `import()`, because bundlers do not keep the order of import statements.
 *
 * Loading it takes some 100 ms, so the CLI should load what needs it only when it needs it.
 *
 * @module
 */

import type * as X509 from "@peculiar/x509";

await import("reflect-metadata");

/** The package. */
export const x509: typeof X509 = await import("@peculiar/x509");

export type { Extension } from "@peculiar/x509";
