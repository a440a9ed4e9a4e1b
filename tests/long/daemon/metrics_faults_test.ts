import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { executorsIn } from "../../daemon/executor_fixture.ts";
import { slay, TestHouse } from "../../gateway/fixture.ts";
import { Scraped } from "../../metrics/scraped.ts";
import { allProcesses, until } from "../../worker/fixture.ts";

const UP = "job_worker_process_up";
const RESTARTS = "job_worker_process_restarts_total";

/** The process of a daemon that has a role. */
async function processOf(daemon: number, role: "exporter" | "notifier"): Promise<number> {
  return await until(async () => {
    for (const { pid, parent } of await allProcesses()) {
      if (parent !== daemon) continue;
      const line = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
      if (line.startsWith(`${Deno.execPath()}\0`) && line.endsWith(`\0${role}\0`)) return pid;
    }
    return undefined;
  });
}

Deno.test("A process that is stuck or dies shows in the metrics, and all others are told", async () => {
  await using certificates = await TestCertificates.create();
  await using house = await TestHouse.start(certificates, {
    args: ["--metrics-address=0", "--notify-allow=hooks.example"],
    expected:
      /Gateway \d+ ended|Exporter \d+ ended|Executor \d+ has ended|No exporter|The notifier ended/,
  });
  const { daemon } = house;
  const [, url = ""] = await until(async () =>
    /serving metrics at (\S+)\n/.exec((await daemon.outputs()).stdout) ?? false
  );
  const metrics = new Scraped(url);
  const [executor = 0] = await executorsIn(`${daemon.directory}/data`);
  const up = (process: string) => metrics.of(UP, { process });
  for (const process of ["engine", "gateway-0", "executor-0", "notifier"]) {
    await metrics.reaches(UP, { process }, 1);
  }

  Deno.kill(executor, "SIGSTOP");
  try {
    await metrics.reaches(UP, { process: "executor-0" }, 0);
    assert.equal(up("engine"), 1);
    const flushes = { process: "executor-0" };
    assert.equal(metrics.of("job_worker_flush_duration_seconds_count", flushes), 0);
  } finally {
    Deno.kill(executor, "SIGCONT");
  }
  await metrics.reaches(UP, { process: "executor-0" }, 1);

  const notifier = await processOf(daemon.pid, "notifier");
  Deno.kill(notifier, "SIGSTOP");
  try {
    await metrics.reaches(UP, { process: "notifier" }, 0);
  } finally {
    Deno.kill(notifier, "SIGCONT");
  }
  await metrics.reaches(UP, { process: "notifier" }, 1);

  Deno.kill(daemon.pid, "SIGSTOP");
  try {
    await metrics.reaches(UP, { process: "engine" }, 0);
    assert.equal(metrics.families.get(UP)?.samples.length, 1, "Nobody knows of the others");
  } finally {
    Deno.kill(daemon.pid, "SIGCONT");
  }
  await metrics.reaches(UP, { process: "engine" }, 1);

  // What is told late is not taken for the answer to the next question.
  await metrics.reaches(UP, { process: "gateway-0" }, 1);
  await slay(await house.gateway(), "SIGKILL");
  await metrics.reaches(RESTARTS, { role: "gateway" }, 1);
  await metrics.reaches(UP, { process: "gateway-0" }, 1);

  await slay(executor, "SIGKILL");
  await metrics.reaches(RESTARTS, { role: "executor" }, 1);

  await slay(notifier, "SIGKILL");
  await metrics.reaches(RESTARTS, { role: "notifier" }, 1);
  await metrics.reaches(UP, { process: "notifier" }, 1);

  const exporter = await processOf(daemon.pid, "exporter");
  await slay(exporter, "SIGKILL");
  const next = await until(async () => {
    const pid = await processOf(daemon.pid, "exporter");
    return pid !== exporter && pid;
  });
  assert.notEqual(next, exporter);
  await house.diagnosed(/Exporter \d+ listens/);
  await metrics.reaches(RESTARTS, { role: "exporter" }, 1);
});
