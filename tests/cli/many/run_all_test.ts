/** `run --all` from the line to the exit status. */

import type { Host, JobClient } from "../../../lib/cli/job_client.ts";
import { main } from "../../../lib/cli/main.ts";
import { JobWorkerError } from "../../../lib/errors.ts";
import { assert } from "../../assert.ts";
import { soon } from "../../soon.ts";
import { FakeIo, type FakeIoOptions, rejection, runCli } from "../fake_daemon.ts";
import { jsonLines } from "../jobs.ts";
import { type Behaviour, failedEnd, failure, FakeFleet, hostOf, ran } from "./fake_fleet.ts";

const HOSTS: readonly Host[] = [
  hostOf("db-1"),
  hostOf("web-1"),
  hostOf("web-2"),
  hostOf("web-3", { state: "offline", detail: "nobody answers" }),
];

const LINE = ["run", "--all", "--on", "zone=eu", "--", "uptime"];

function daemon(
  behaviour: Behaviour,
  hosts = HOSTS,
): { fleet: FakeFleet; calls: Partial<JobClient> } {
  const fleet = new FakeFleet(behaviour);
  return { fleet, calls: { ...fleet.client, listHosts: () => Promise.resolve({ hosts }) } };
}

const up: Behaviour = async function* ({ host }) {
  await Promise.resolve();
  yield* ran(host, "up\n");
};

const mixed: Behaviour = async function* ({ host }, signal) {
  if (host === "db-1") yield failure(host, "refused", 'Host "db-1" has no such program');
  else if (host === "web-2") yield* ran(host, "oops\n", failedEnd(7));
  else yield* up({ host, requestId: "", jobId: "", offset: 0 }, signal);
};

Deno.test("run --all prints what all print, and exits with 0 only if all are done", async () => {
  const online = HOSTS.slice(0, 3);
  const { stdout, stderr, exitStatus } = await runCli(LINE, daemon(up, online).calls);
  assert.deepEqual(stdout.split("\n").sort(), ["", "db-1  | up", "web-1 | up", "web-2 | up"]);
  assert.deepEqual([stderr, exitStatus], ["", 0]);
});

Deno.test("run --all says of every host that is not done what has become of it", async () => {
  const { fleet, calls } = daemon(mixed);
  const { stderr, exitStatus } = await runCli(LINE, calls);
  assert.equal(
    stderr,
    "worker-cli: 4 hosts: 1 done, 1 failed, 1 refused, 1 offline\n" +
      "worker-cli: web-2: failed: exit code 7\n" +
      "worker-cli: db-1: refused: Host has no such program\n" +
      "worker-cli: web-3: offline: nobody answers\n",
  );
  assert.equal(exitStatus, 1);
  assert.deepEqual(fleet.started, ["db-1", "web-1", "web-2"]);
});

Deno.test("run --all --json has all of it in one stream of lines", async () => {
  const { stdout, stderr, exitStatus } = await runCli(["--json", ...LINE], daemon(mixed).calls);
  const lines = jsonLines(stdout) as { host?: string; state?: string; summary?: object }[];
  const states = lines.flatMap(({ host, state }) => state === undefined ? [] : [[host, state]]);
  assert.deepEqual(states.sort(), [
    ["db-1", "refused"],
    ["web-1", "done"],
    ["web-2", "failed"],
    // Nothing was asked of it.
    ["web-3", "offline"],
  ]);
  assert.deepEqual(lines.at(-1)?.summary, {
    ...{ hosts: 4, done: 1, failed: 1, refused: 1, offline: 1, unknown: 0, not_started: 0 },
  });
  assert.deepEqual([stderr, exitStatus], ["", 1]);
});

Deno.test("run --all counts waves and failures without the hosts that are offline from the start", async () => {
  const hosts = [hostOf("a", { state: "offline" }), ...["b", "c", "d"].map((name) => hostOf(name))];
  const { fleet, calls } = daemon(up, hosts);
  await runCli(["run", "--all", "--waves", "1,100%", "--", "uptime"], calls);
  assert.deepEqual(fleet.requests.map(({ targets }) => targets.map(({ host }) => host)), [
    ["b"],
    ["c", "d"],
  ]);
});

Deno.test("run --all takes the request ids from --request-id, so that a repeat starts nothing twice", async () => {
  const { fleet, calls } = daemon(up);
  const line = ["run", "--all", "--request-id", "deploy-7", "--", "uptime"];
  for (let time = 0; time < 2; time++) await runCli(line, calls);
  const ids = fleet.requests.map(({ targets }) => targets.map(({ requestId }) => requestId));
  assert.deepEqual(ids[0], ["deploy-7:db-1", "deploy-7:web-1", "deploy-7:web-2"]);
  assert.deepEqual(ids[1], ids[0]);
  const other = daemon(up);
  for (let time = 0; time < 2; time++) await runCli(LINE, other.calls);
  const [first, second] = other.fleet.requests.map(({ targets: [target] }) => target?.requestId);
  assert.notEqual(first, second);
});

Deno.test("run --all asks between waves where somebody can answer, and goes no further after a no", async () => {
  const line = ["run", "--all", "--waves", "1,2,100%", "--pause", "--", "uptime"];
  const questions: string[] = [];
  const answering = (...answers: boolean[]): FakeIoOptions => ({
    confirm: (question) => {
      questions.push(question);
      return Promise.resolve(answers.shift() ?? false);
    },
  });
  const { fleet, calls } = daemon(up);
  const stopped = await runCli(line, calls, answering(true, false));
  assert.deepEqual(fleet.started, ["db-1", "web-1"]);
  assert.equal(questions.length, 2);
  assert.match(questions[0] ?? "", /1 done, 1 offline\. Go on with wave 2 of 3, 1 host\?$/);
  assert.match(stopped.stderr, /4 hosts: 2 done, 1 offline, 1 not started/);
  assert.equal(stopped.exitStatus, 1);
  // With nobody there, nothing is begun.
  const alone = daemon(up);
  const refused = await runCli(line, alone.calls);
  assert.match(refused.stderr, /--pause asks at a terminal, and there is none: give it a duration/);
  assert.deepEqual([refused.exitStatus, alone.fleet.started], [125, []]);
});

Deno.test("run --all --pause=DURATION waits by itself", async () => {
  const { fleet, calls } = daemon(up);
  const before = performance.now();
  await runCli(["run", "--all", "--waves", "1,100%", "--pause=300ms", "--", "uptime"], calls);
  assert.ok(performance.now() - before >= 290);
  assert.equal(fleet.started.length, 3);
});

Deno.test("Ctrl-C stops the jobs of run --all everywhere, and is waited for", async () => {
  const { fleet, calls } = daemon((target, signal) => fleet.untilStopped(target, signal));
  const io = new FakeIo(calls, { terminal: true });
  const exitStatus = main(["run", "--all", "--parallel", "2", "--", "sleep", "9"], io);
  await io.stderr.includes("Running on 2 of 4 hosts");
  io.interrupt();
  assert.equal(await soon(exitStatus, () => "the end of all jobs"), 130);
  assert.deepEqual(fleet.stops.flatMap(({ jobIds }) => jobIds), ["job of db-1", "job of web-1"]);
  assert.match(io.stderr.text, /Stopping all jobs; press Ctrl-C again/);
  assert.match(io.stderr.text, /4 hosts: 2 failed, 1 offline, 1 not started/);
});

Deno.test("The line that tells how far run --all is fits into the terminal", async () => {
  const hosts = Array.from({ length: 1_000 }, (_, index) => hostOf(`web-${index}`));
  const { fleet, calls } = daemon(async function* (target, signal) {
    const number = Number(target.host.slice(4));
    if (number % 4 === 0) yield* fleet.untilStopped(target, signal);
    else if (number % 4 === 1) yield* mixed({ ...target, host: target.host }, signal);
    else yield failure(target.host, number % 4 === 2 ? "refused" : "unanswered");
  }, [hostOf("db", { state: "offline" }), ...hosts]);
  const io = new FakeIo(calls, { terminal: true });
  Object.defineProperty(io.stderr, "columns", { value: 40 });
  const exitStatus = main(["run", "--all", "--", "uptime"], io);
  await io.stderr.includes("Running on 250 of 1001 hosts, 250 done");
  io.interrupt();
  assert.equal(await soon(exitStatus, () => "the end of all jobs"), 130);
  const shown = io.stderr.text.split("\x1b[K").map((text) => text.split(/[\r\n]/)[0] ?? "");
  const lengths = shown.filter((text) => text.startsWith("Running")).map(({ length }) => length);
  assert.equal(Math.max(...lengths), 39);
});

Deno.test("A second Ctrl-C leaves run --all at once, and it says what may still run", async () => {
  const { fleet, calls } = daemon((target, signal) => fleet.untilStopped(target, signal));
  const stopJobs: JobClient["stopJobs"] = (_request, options) => rejection(options);
  const io = new FakeIo({ ...calls, stopJobs }, { terminal: true });
  const exitStatus = main(LINE, io);
  await io.stderr.includes("Running on 3 of 4 hosts");
  io.interrupt();
  io.interrupt();
  assert.equal(await soon(exitStatus, () => "the end of the run"), 130);
  assert.match(io.stderr.text, /Jobs may still run on db-1,web-\[1-2\]; to see them/);
});

Deno.test("A hang-up leaves the jobs of run --all running", async () => {
  const { fleet, calls } = daemon((target, signal) => fleet.untilStopped(target, signal));
  const io = new FakeIo(calls, { terminal: true });
  const exitStatus = main(LINE, io);
  await io.stderr.includes("Running on 3 of 4 hosts");
  io.hangUp();
  assert.equal(await soon(exitStatus, () => "the end of the run"), 129);
  assert.deepEqual(fleet.stops, []);
});

Deno.test("run --all says why a daemon does not take it", async () => {
  const none = await runCli(LINE, daemon(up, []).calls);
  assert.deepEqual(
    [none.exitStatus, none.stderr],
    [
      125,
      "worker-cli: There is no host for zone=eu; to see those of the fleet: worker-cli hosts\n",
    ],
  );
  const alone = await runCli(["run", "--all", "--", "true"], daemon(up, []).calls);
  assert.match(alone.stderr, /^worker-cli: This daemon has no hosts: it is no hub of a fleet, or/);
  const error = new JobWorkerError("permission_denied", "You may not");
  const { calls } = daemon(() => {
    throw error;
  });
  const denied = await runCli(LINE, calls);
  assert.equal(denied.exitStatus, 125);
  assert.match(denied.stderr, /^worker-cli: You may not\n/);
  assert.match(denied.stderr, /4 hosts: 3 refused, 1 offline/);
});

Deno.test("What is about many hosts is refused for one, and what cannot be together", async () => {
  for (
    const [line, message] of [
      ["run --group -- true", "--group can only be used with --all"],
      ["run --max-failures 1 -- true", "--max-failures can only be used with --all"],
      ["run --all --prefix --group -- true", "cannot be used together"],
      ["run --all -i -- true", "--interactive cannot be used with --all"],
      ["run --all --quiet -- true", "--quiet cannot be used with --all"],
      ["run --all --pause=1s -- true", "--pause is between waves"],
      ["run --all --parallel 0 -- true", "is not a whole number from 1"],
      ["run --all --waves 10,5 -- true", "5 is not more than 10"],
      ["run --all --max-failures 0 -- true", "neither a number of hosts"],
      ["start --all -- true", "Unknown option '--all'"],
    ] as const
  ) {
    const { stderr, exitStatus } = await runCli(line.split(" "));
    assert.equal(exitStatus, 2, line);
    assert.ok(stderr.includes(message), `${line}: ${stderr}`);
  }
});
