/**
 * `worker-cli`: controls a Job Worker daemon from the command line.
 *
 * @module
 */

import { printVersion } from "./lib/cli/print_version.ts";

if (import.meta.main && !printVersion(Deno.args)) {
  const [{ main }, { systemIo }] = await Promise.all([
    import("./lib/cli/main.ts"),
    import("./lib/cli/system_io.ts"),
  ]);
  Deno.exit(await main(Deno.args, systemIo()));
}
