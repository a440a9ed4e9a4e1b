/**
 * What to tell users to run: those of the source have tasks, those of the executables do not.
 *
 * @module
 */

import { resolve } from "node:path";
import { BUILD } from "../build.ts";
import { shellWords } from "./printable.ts";

const IS_SOURCE = BUILD === "source";

/** Makes certificates; with `add`, `renew` and `revoke` single ones. */
export const MAKE_CERTIFICATES: string = IS_SOURCE ? "deno task certs" : "worker-cli certs";

/** Where a line of `certs` looks that does not say where. */
export const CERTIFICATES_DIRECTORY = "certs";

/** A line of `certs` for what is in this directory. */
export function certsCommand(words: readonly string[], directory: string): string {
  const dir = resolve(directory) === resolve(CERTIFICATES_DIRECTORY) ? [] : ["--dir", directory];
  return [MAKE_CERTIFICATES, shellWords([...words, ...dir])].join(" ").trimEnd();
}

/** Where certificates come from, for a daemon that has none. */
export const CERTIFICATES_COME_FROM: string = IS_SOURCE
  ? `make certificates with \`${MAKE_CERTIFICATES}\``
  : "`worker-daemon init` makes certificates";

/** The same for a client. */
export const CLIENT_CERTIFICATES_COME_FROM: string = IS_SOURCE
  ? `\`${MAKE_CERTIFICATES}\` makes certificates, where the daemon runs`
  : "whoever runs the daemon makes yours with `worker-cli certs add NAME --role ROLE`; copy it and ca-cert.pem to " +
    "~/.config/job-worker/";

/** What to tell a client whose certificate is not accepted, or about to end. */
export const ASK_FOR_CERTIFICATE: string =
  "ask whoever runs the daemon, who sees why in its diagnostics and has " +
  `\`${MAKE_CERTIFICATES} add NAME --role ROLE\` and \`${MAKE_CERTIFICATES} renew NAME\` for new ones`;

/** Starts the daemon. */
export const START_DAEMON: string = IS_SOURCE ? "deno task start" : "worker-daemon";
