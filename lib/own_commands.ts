/**
 * What to tell users to run: those of the source have tasks, those of the executables do not.
 *
 * @module
 */

import { BUILD } from "./build.ts";

const IS_SOURCE = BUILD === "source";

/** Makes certificates; takes `--force` and `--host`. */
export const MAKE_CERTIFICATES: string = IS_SOURCE ? "deno task certs" : "worker-cli certs";

/** Where certificates come from, for who has none. */
export const CERTIFICATES_COME_FROM: string = IS_SOURCE
  ? `make certificates with \`${MAKE_CERTIFICATES}\``
  : "`worker-daemon init` makes certificates, on the server, and clients copy theirs from there to " +
    "~/.config/job-worker/";

/** Starts the daemon. */
export const START_DAEMON: string = IS_SOURCE ? "deno task start" : "worker-daemon";
