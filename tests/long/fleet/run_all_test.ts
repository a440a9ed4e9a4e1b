/** One command on many hosts at once, which are real daemons behind a real hub. */

import { assert } from "../../assert.ts";
import { natsTest } from "../../fleet/nats_server.ts";
import { TestDaemons } from "../../fleet/test_daemons.ts";
import { until } from "../../worker/fixture.ts";

natsTest(
  "run --all runs a command on all hosts, tells them apart, and stops it on all",
  async () => {
    await using fleet = await TestDaemons.start({
      "web-1": ["--labels=role=web"],
      "web-2": ["--labels=role=web"],
      "db-1": ["--labels=role=db"],
    });
    const lines = (text: string) => text.split("\n").slice(0, -1);
    const all = await fleet.printed("run", "--all", "--", "sh", "-c", "printf 'a\\nb'");
    assert.deepEqual(lines(all).sort(), [
      ...["db-1  | a", "db-1  | b", "web-1 | a", "web-1 | b", "web-2 | a", "web-2 | b"],
    ]);
    const folded = await fleet.printed(
      "run",
      "--on",
      "role=web",
      "--all",
      "--group",
      "--",
      "echo",
      "x",
    );
    assert.match(folded, /^-+\nweb-\[1-2\] \(2\)\n-+\nx\n$/);

    const script = 'test "$JOB_WORKER_TEST" != x || exit 3';
    const failed = await fleet.cli(
      "run",
      "--all",
      "--env",
      "JOB_WORKER_TEST=x",
      "--",
      "sh",
      "-c",
      script,
    );
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /3 hosts: 3 failed\n.*db-1,web-\[1-2\]: failed: exit code 3\n/);
    const refused = await fleet.cli("run", "--all", "--", "no-such-program");
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /3 hosts: 3 refused\n.*db-1,web-\[1-2\]: refused: .*no-such-program/,
    );

    // A repeat with the same id shows the same jobs.
    const once = ["run", "--json", "--all", "--request-id", "once", "--", "true"];
    const idsOf = (text: string) =>
      lines(text).flatMap((line) => JSON.parse(line).startedJob?.jobId ?? []).sort();
    const ids = idsOf(await fleet.printed(...once));
    assert.equal(ids.length, 3);
    assert.deepEqual(idsOf(await fleet.printed(...once)), ids);
    // Each has its line in the audit trail of the host.
    for (const host of fleet.hosts.values()) {
      const trail = await Deno.readTextFile(`${host.directory}/data/audit.log`);
      const methods = lines(trail).map((line) => JSON.parse(line))
        .filter(({ user, via }) => user === "admin" && via === "hub").map(({ method }) => method);
      assert.ok(methods.includes("startJob") && methods.includes("streamLogs"));
      assert.ok(!methods.includes("runJobs"));
    }

    await using run = fleet.startCli(["run", "--all", "--", "sh", "-c", "echo up; sleep 1000"]);
    await until(() => Promise.resolve(run.stdout.match(/\| up\n/g)?.length === 3));
    // The hub is away for a while; the CLI goes on where it was, and has everything stopped.
    await fleet.hub.kill();
    await fleet.hub.start();
    for (const host of fleet.hosts.keys()) await fleet.waitFor(host, "online");
    Deno.kill(run.pid, "SIGINT");
    const { code, stdout, stderr } = await run.finished();
    assert.equal(code, 130, stderr);
    assert.equal(stdout.match(/\| up\n/g)?.length, 3);
    assert.match(stderr, /3 hosts: 3 failed/);
    assert.equal(await fleet.printed("list", "running"), "");

    // One host is gone: it is offline, and the others are not kept from it.
    await fleet.host("web-1").kill();
    await fleet.waitFor("web-1", "offline");
    const rest = await fleet.cli("run", "--all", "--waves", "1,100%", "--", "echo", "y");
    assert.equal(rest.code, 1);
    assert.deepEqual(lines(rest.stdout).sort(), ["db-1  | y", "web-2 | y"]);
    assert.match(rest.stderr, /3 hosts: 2 done, 1 offline\n.*web-1: offline/);
  },
);
