import { assert } from "../../assert.ts";
import { TestProcess } from "../../end_to_end/process.ts";
import { natsTest } from "../../fleet/nats_server.ts";
import { ROOT } from "../../programs.ts";
import { soon } from "../../soon.ts";

/** The dead hosts of the benchmark alone take fifteen seconds. */
const TIMEOUT_MS = 240_000;

natsTest("The benchmark of a fleet has a figure for everything that it measures", async () => {
  await using bench = new TestProcess([
    ...[Deno.execPath(), "run", "--quiet", "--allow-all", `${ROOT}bench/fleet/run.ts`],
    ...["--hosts=3", "--jobs=1200", "--starts=10", "--log=1", "--rest=1"],
  ]);
  const ended = bench.seen(/`online` .*\n/);
  await soon(ended, () => `the end of ${bench.stdout}${bench.stderr}`, TIMEOUT_MS);
  const { code, stdout, stderr } = await bench.finished();
  assert.equal(code, 0, stderr);
  const [title, ...rows] = stdout.trim().split("\n");
  assert.match(title ?? "", /3 simulated hosts and a real one; 1200 jobs in the index/);
  const names = rows.map((row) => /^ {2}(.{44})/.exec(row)?.[1]?.trim());
  assert.deepEqual(names, [
    "`host add`",
    "nats-server reads its configuration again",
    "processor time at rest, the hub",
    "the same for a host in a second",
    "processor time at rest, nats-server",
    "the same for a host in a second",
    "processor time at rest, the hosts themselves",
    "the same for a host in a second",
    "memory, the hub",
    "list, a page of 100 jobs, median",
    "list, a page of 100 jobs, 99 of 100",
    "starts, 16 at a time, at one host",
    "starts, 16 at a time, at simulated hosts",
    "a log through the hub",
    "pages of 256 KiB over NATS alone",
    "one call to each of 3 hosts, median",
    "one job at each of 3 hosts, median",
    "the same by `worker-cli run --all`",
    "from the death of all hosts to `offline`",
    "from their return to `online`",
  ]);
  for (const row of rows) assert.doesNotMatch(row, /NaN|Infinity/);
});
