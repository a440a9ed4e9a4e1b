import { assert } from "../assert.ts";
import { sharedDaemon } from "./daemon.ts";
import { TestProcess } from "./process.ts";

const daemon = await sharedDaemon();

/** One job of each outcome, by the operator but for the last; the oldest first. */
const jobs = await makeJobs();

async function makeJobs(): Promise<
  Readonly<Record<"done" | "failed" | "stopped" | "running", string>>
> {
  const start = async (script: string, user: "operator" | "client", ...options: string[]) => {
    const line = ["start", ...options, "--", "sh", "-c", script];
    const { stdout, stderr } = await daemon.cli(line, user);
    assert.equal(stderr, "");
    return stdout.trim();
  };
  const done = await start("exit 0", "operator", "--label=team=blue", "--label=n=1");
  const failed = await start("exit 3", "operator", "--label=team=blue");
  const stopped = await start("sleep 1000", "operator");
  const running = await start("sleep 1000 # a\tb", "client", "--label=team=red");
  const ends = await Promise.all([
    daemon.cli(["wait", done]),
    daemon.cli(["wait", failed]),
    daemon.cli(["stop", stopped]),
  ]);
  assert.deepEqual(ends.map(({ code }) => code), [0, 3, 0]);
  return { done, failed, stopped, running };
}

/** The ids that a list shows. */
async function listed(args: readonly string[], user?: "client" | "operator" | "viewer") {
  const { code, stdout, stderr } = await daemon.cli(["list", ...args], user);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  return stdout.split("\n").slice(0, -1).map((line) => line.split("\t")[0]);
}

Deno.test("list shows the jobs that match, the newest first", async () => {
  const { done, failed, stopped, running } = jobs;
  const cases: readonly (readonly [string[], string[]])[] = [
    [["all"], [running, stopped, failed, done]],
    [[], [running, stopped, failed, done]],
    [["running"], [running]],
    [["failed"], [failed]],
    [["cancelled"], [stopped]],
    [["done"], [done]],
    [["all", "--limit", "2"], [running, stopped]],
    [["all", "--label", "team=blue"], [failed, done]],
    [["all", "--label", "team=blue", "--label", "n=1"], [done]],
    [["all", "--owner", "admin"], [running]],
    [["done", "--owner", "nobody"], []],
  ];
  const found = await Promise.all(cases.map(([args]) => listed(args)));
  assert.deepEqual(found, cases.map(([, ids]) => ids));
});

Deno.test("list shows an operator its own jobs, and a viewer all", async () => {
  const { done, failed, stopped, running } = jobs;
  const [operator, foreign, viewer] = await Promise.all([
    listed(["all"], "operator"),
    listed(["all", "--owner", "admin"], "operator"),
    listed(["all"], "viewer"),
  ]);
  assert.deepEqual(operator, [stopped, failed, done]);
  assert.deepEqual(foreign, []);
  assert.deepEqual(viewer, [running, stopped, failed, done]);
});

Deno.test("list prints a line of eight fields per job, whatever the command holds", async () => {
  const { stdout } = await daemon.cli(["list", "all"]);
  const lines = stdout.trimEnd().split("\n").map((line) => line.split("\t"));
  assert.deepEqual(lines.map(([, status, exit]) => [status, exit]), [
    ["running", "-"],
    ["cancelled", "SIGTERM"],
    ["failed", "3"],
    ["done", "0"],
  ]);
  const dates = lines.map((
    [, , , start = "", finish = ""],
  ) => [Date.parse(start), Date.parse(finish)]);
  for (const [start = NaN, finish = NaN] of dates.slice(1)) assert.ok(start <= finish);
  assert.deepEqual(lines[0]?.slice(4), [
    "-",
    "admin",
    String.raw`sh -c $'sleep 1000 # a\x09b'`,
    "-",
  ]);
  assert.deepEqual(lines[2]?.slice(5), ["operator", "sh -c 'exit 3'", "-"]);
});

Deno.test("list --json prints one job a line, as status does", async () => {
  const [list, status] = await Promise.all([
    daemon.cli(["list", "failed", "--json"]),
    daemon.cli(["status", "--json", jobs.failed]),
  ]);
  assert.equal(list.stdout, status.stdout);
});

Deno.test("list refuses a filter that it does not know", async () => {
  const [status, label, limit, control] = await Promise.all([
    daemon.cli(["list", "finished"]),
    daemon.cli(["list", "all", "--label", "team"]),
    daemon.cli(["list", "all", "--limit", "0"]),
    daemon.cli(["list", "all", "--owner", "a\nb"]),
  ]);
  for (const { code, stdout } of [status, label, limit, control]) {
    assert.deepEqual([code, stdout], [2, ""]);
  }
  assert.match(
    status.stderr,
    /'finished' is invalid.*all, queued, running, failed, cancelled, done/,
  );
  assert.match(label.stderr, /"team" is not NAME=VALUE/);
  assert.match(limit.stderr, /"0" is not a whole number from 1/);
  assert.match(control.stderr, /Invalid --owner "a\\nb": .*without control characters/);
});

// The last one: it adds a job.
Deno.test("list --watch shows jobs as they change, on a terminal and in a pipe, until Ctrl-C", async () => {
  const line = daemon.cliLine(["list", "running", "--watch", "-o", "id,status,command"]);
  await using pipe = new TestProcess(line, { cwd: daemon.directory });
  const command = ["exec", ...line].map((word) => `'${word}'`).join(" ").replace("'exec'", "exec");
  await using terminal = new TestProcess(["script", "-qefc", command, "/dev/null"], {
    cwd: daemon.directory,
  });
  await Promise.all([pipe.seen(/sleep 1000/), terminal.seen(/sleep 1000/)]);
  const added = await daemon.sh("sleep 1001", "--label=team=green");
  await Promise.all([pipe.seen(/sleep 1001/), terminal.seen(/sleep 1001/)]);
  await daemon.printed("stop", added);
  await Promise.all([
    pipe.seen(new RegExp(`^${added}\tcancelled\t`, "m")),
    // The table without it.
    terminal.seen(/sleep 1001(?:(?!sleep 1001)[^])*JOB(?:(?!sleep 1001)[^])*sleep 1000/),
  ]);
  const watcher = await Deno.readTextFile(`/proc/${terminal.pid}/task/${terminal.pid}/children`);
  Deno.kill(Number(watcher), "SIGINT");
  pipe.kill("SIGINT");
  const [piped, drawn] = await Promise.all([pipe.finished(), terminal.finished()]);
  assert.deepEqual([piped.code, drawn.code], [130, 130]);
  assert.deepEqual(
    piped.stdout.trimEnd().split("\n").map((line) => line.split("\t").slice(0, 2)),
    [[jobs.running, "running"], [added, "running"], [added, "cancelled"]],
  );
});
