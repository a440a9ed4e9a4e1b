import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { executorsIn } from "../../daemon/executor_fixture.ts";
import { gatewaysOf, TestHouse } from "../../gateway/fixture.ts";
import { until } from "../../worker/fixture.ts";

/** How long the daemon is watched, and how often, since V8 tidies up once or twice after the start. */
const WATCH_MS = 20_000;
const TIMES = 6;

/**
 * How often its three processes may wake up meanwhile, all threads together: each look that keeps a thread for files
 * takes seven, and a look at the gateway forty. With one every three seconds there were 230.
 */
const MAX_WAKE_UPS = 130;

/** How often the threads of a process have waited for something, see proc_pid_status(5). */
async function waitsOf(pid: number): Promise<number> {
  let waits = 0;
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    // A thread may have ended since that look.
    const status = await Deno.readTextFile(`/proc/${pid}/task/${name}/status`).catch(() => "");
    waits += Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
  }
  return waits;
}

Deno.test("A daemon that nobody uses hardly ever wakes up", async () => {
  await using certificates = await TestCertificates.create();
  await using house = await TestHouse.start(certificates, { expected: /^$/ });
  const { pid, directory } = house.daemon;
  const pids = [pid, ...await gatewaysOf(pid), ...await executorsIn(`${directory}/data`)];
  assert.equal(pids.length, 3);
  const waits = async () => (await Promise.all(pids.map(waitsOf))).reduce((sum, n) => sum + n);
  const counts: number[] = [];
  for (let time = 0; time < TIMES; time++) {
    const before = await waits();
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
    const count = await waits() - before;
    counts.push(count);
    if (count <= MAX_WAKE_UPS) return;
  }
  assert.fail(`${counts} wake-ups, and not ${MAX_WAKE_UPS}`);
});

/** Sets the soft limit of descriptors of a process, and returns what it was. */
async function limitDescriptors(pid: number, limit: string): Promise<string> {
  const { success, stdout } = await new Deno.Command("sh", {
    args: [
      "-c",
      'prlimit --pid "$1" --nofile --raw --noheadings --output=SOFT && prlimit --pid "$1" --nofile="$2:"',
      ...["sh", `${pid}`, limit],
    ],
  }).output();
  assert.ok(success);
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("A gateway that accepts nobody any more is replaced, and within a minute if nobody uses it", async () => {
  await using certificates = await TestCertificates.create();
  for (const isUsed of [true, false]) {
    await using house = await TestHouse.start(certificates, { expected: /no connection arrives/ });
    const gateway = await house.gateway();
    const client = isUsed ? await house.connect() : null;
    await client?.listJobs({});
    // Out of descriptors for a moment, it never accepts again.
    const limit = await limitDescriptors(gateway, "3");
    const { port } = house.daemon;
    const before = await waitsOf(gateway);
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    // It has tried, and waits again.
    await until(async () => await waitsOf(gateway) > before);
    await limitDescriptors(gateway, limit);
    const pattern = new RegExp(`Gateway ${gateway} ended: Cannot serve on \\S+: no connection`);
    const deadline = Date.now() + (isUsed ? 60_000 : 120_000);
    while (await house.count(pattern) === 0) {
      assert.ok(Date.now() < deadline, "It is still there");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await until(async () => (await house.daemon.cli(["list"])).code === 0);
  }
});
