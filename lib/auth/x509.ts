/**
 * `@peculiar/x509`, which finds its parts by `reflect-metadata` and fails to load before it. Import it
 * from here only, so that nobody can get the order wrong.
 *
 * It costs a process some 100 ms at start: the CLI should load what needs it when it needs it.
 *
 * @module
 */

import "reflect-metadata";

export * from "@peculiar/x509";
