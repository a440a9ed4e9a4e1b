/**
 * The commands that messages tell users to run: from source these are tasks, otherwise the executables.
 *
 * @module
 */

import { resolve } from "node:path";
import { BUILD } from "../build.ts";
import { shellWords } from "./printable.ts";

const IS_SOURCE = BUILD === "source";

/** Makes certificates: a whole set, or single ones with `add`, `renew` and `revoke`. */
export const MAKE_CERTIFICATES: string = IS_SOURCE ? "deno task certs" : "worker-cli certs";

/** The directory that `certs` uses by default. */
export const CERTIFICATES_DIRECTORY = "certs";

/** A command line of `certs` for the certificates in a directory. */
export function certsCommand(words: readonly string[], directory: string): string {
  const dir = resolve(directory) === resolve(CERTIFICATES_DIRECTORY) ? [] : ["--dir", directory];
  return [MAKE_CERTIFICATES, shellWords([...words, ...dir])].join(" ").trimEnd();
}

/** How a daemon without certificates gets them. */
export const CERTIFICATES_COME_FROM: string = IS_SOURCE
  ? `make certificates with \`${MAKE_CERTIFICATES}\``
  : "`worker-daemon init` makes certificates";

/** How a client without a certificate gets one. */
export const CLIENT_CERTIFICATES_COME_FROM: string = IS_SOURCE
  ? `run \`${MAKE_CERTIFICATES}\` where the daemon runs`
  : "ask whoever runs the daemon to make yours with `worker-cli certs add NAME --role ROLE`, and copy " +
    "it and ca-cert.pem to ~/.config/job-worker/";

/** What to tell a client whose certificate is not accepted, or is about to expire. */
export const ASK_FOR_CERTIFICATE: string =
  "ask whoever runs the daemon: its diagnostics say why, and a new certificate comes from " +
  `\`${MAKE_CERTIFICATES} add NAME --role ROLE\` or \`${MAKE_CERTIFICATES} renew NAME\``;

/** Starts the daemon. */
export const START_DAEMON: string = IS_SOURCE ? "deno task start" : "worker-daemon";
