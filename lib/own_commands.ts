/**
 * What to tell users to run: those of the source have tasks, those of the executables do not.
 *
 * @module
 */

import { BUILD } from "./build.ts";

const IS_SOURCE = BUILD === "source";

/** Makes certificates; takes `--force` and `--host`. */
export const MAKE_CERTIFICATES: string = IS_SOURCE ? "deno task certs" : "worker-cli certs";

/** Starts the daemon. */
export const START_DAEMON: string = IS_SOURCE ? "deno task start" : "worker-daemon";
