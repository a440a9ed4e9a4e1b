/**
 * `deno task test [PATH…] [OPTION…]`, `deno task test:long`: runs `deno test`, and fails if it leaves a
 * process, a cgroup or a temporary file behind.
 *
 * The run must not leave its jobs running either if it crashes or is killed, so there are two of us:
 * this process, and `keeper.ts`, which runs the tests in a session of its own. Each takes in the
 * orphans below it, and ends them when the other one dies.
 *
 * @module
 */

import { Place } from "./place.ts";
import { adoptOrphans, endWithParent, killDescendants } from "./processes.ts";

const own = new Set<number>();
adoptOrphans(own);
// Otherwise we would go on after `deno task` was killed.
endWithParent(Deno.ppid);

const place = await Place.create();
let code = 1;
try {
  const keeper = new Deno.Command("setsid", {
    args: [
      Deno.execPath(),
      ...["run", "--quiet", "--no-check", "--allow-all", `${import.meta.dirname}/keeper.ts`],
      ...[String(Deno.pid), place.directory, place.cgroup],
      ...Deno.args,
    ],
  }).spawn();
  own.add(keeper.pid);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => keeper.kill("SIGTERM"));
  }
  ({ code } = await keeper.status);
} finally {
  await killDescendants();
  await place.remove();
}
Deno.exit(code);
