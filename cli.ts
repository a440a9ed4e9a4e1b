/**
 * `worker-cli`: controls a Job Worker daemon from the command line.
 *
 * @module
 */

import { main } from "./lib/cli/main.ts";
import { systemIo } from "./lib/cli/system_io.ts";

if (import.meta.main) Deno.exit(await main(Deno.args, systemIo()));
