import { OutputClosed } from "../../../lib/cli/io.ts";
import { type Pace, RunOnMany } from "../../../lib/cli/many/run_on_many.ts";
import { type Target, Targets, type TargetState } from "../../../lib/cli/many/targets.ts";
import { inWaves, parseWaves } from "../../../lib/cli/many/waves.ts";
import { JobWorkerError } from "../../../lib/errors.ts";
import { assert } from "../../assert.ts";
import { soon } from "../../soon.ts";
import { until } from "../../worker/fixture.ts";
import { rejection } from "../fake_daemon.ts";
import { type Behaviour, failedEnd, failure, FakeFleet, ran } from "./fake_fleet.ts";

const command = { name: "uptime", args: [], env: {}, workingDirectory: "" };

interface Settings extends Partial<Pace> {
  readonly hosts?: number;
  readonly waves?: string;
  readonly onEvent?: (target: Target) => Promise<void>;
  readonly signal?: AbortSignal;
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `web-${index + 1}`);
}

/** A run that has not begun. */
function prepare(behaviour: Behaviour, settings: Settings = {}) {
  const { hosts = 10, waves = "100%", parallel = Infinity, maxFailures = null } = settings;
  const fleet = new FakeFleet(behaviour);
  const targets = new Targets(names(hosts), command, "id");
  const pauses: unknown[] = [];
  const pause: Pace["pause"] = settings.pause ?? ((next) => {
    pauses.push(next);
    return Promise.resolve(true);
  });
  const running = new RunOnMany({
    client: fleet.client,
    job: { command, labels: {} },
    targets,
    pace: { parallel, maxFailures, pause },
    signal: settings.signal ?? new AbortController().signal,
    onEvent: settings.onEvent ?? (() => Promise.resolve()),
    onUnstopped: () => Promise.resolve(),
  });
  const run = () => running.run(inWaves(targets.in("waiting"), parseWaves(waves)));
  return { fleet, targets, running, run, pauses };
}

function counts(targets: Targets): Partial<Record<TargetState, number>> {
  const entries = targets.all().map(({ state }) => [state, targets.count(state)]);
  return Object.fromEntries(entries);
}

/** Takes a few turns of the event loop over each host. */
const works: Behaviour = async function* ({ host }) {
  for (const event of ran(host, "up\n")) {
    await new Promise((resolve) => setTimeout(resolve));
    yield event;
  }
};

function failing(...failed: readonly string[]): Behaviour {
  return async function* (target, signal) {
    if (!failed.includes(target.host)) return yield* works(target, signal);
    await new Promise((resolve) => setTimeout(resolve));
    yield* ran(target.host, "oops\n", failedEnd(3));
  };
}

Deno.test("Every host has its turn once, with a request id of its own", async () => {
  const { fleet, targets, run } = prepare(works, { hosts: 2_500 });
  await run();
  assert.deepEqual(counts(targets), { done: 2_500 });
  assert.deepEqual(fleet.started, names(2_500));
  assert.ok(fleet.requests.every(({ targets }) => targets.length <= 1_000));
  const ids = fleet.requests.flatMap(({ targets }) => targets.map(({ requestId }) => requestId));
  assert.deepEqual(ids, names(2_500).map((name) => `id:${name}`));
});

Deno.test("No more hosts are at work than are to be at once, and never fewer", async () => {
  const { fleet, targets, run } = prepare(works, { hosts: 50, parallel: 7 });
  await run();
  assert.deepEqual(counts(targets), { done: 50 });
  assert.equal(fleet.mostAtWork, 7);
});

Deno.test("A wave begins when the one before is over", async () => {
  const { fleet, targets, run, pauses } = prepare(works, { hosts: 40, waves: "1,10%,100%" });
  await run();
  assert.deepEqual(counts(targets), { done: 40 });
  assert.deepEqual(fleet.requests.map(({ targets }) => targets.length), [1, 3, 36]);
  assert.equal(fleet.mostAtWork, 36);
  assert.deepEqual(pauses, [{ wave: 2, of: 3, hosts: 3 }, { wave: 3, of: 3, hosts: 36 }]);
});

Deno.test("There are never more failures than --max-failures, whatever hosts do", async () => {
  for (const maxFailures of [1, 2, 5, 9]) {
    // All fail, each kind of failure in its turn.
    const behaviour: Behaviour = async function* ({ host }) {
      await new Promise((resolve) => setTimeout(resolve));
      const number = Number(host.slice(4));
      if (number % 3 === 0) yield failure(host, "refused");
      else if (number % 3 === 1) yield failure(host, "unanswered");
      else yield* ran(host, "", failedEnd(1));
    };
    const { fleet, targets, run } = prepare(behaviour, { hosts: 100, maxFailures });
    await run();
    assert.equal(targets.failures, maxFailures);
    assert.equal(fleet.started.length, maxFailures);
    assert.equal(targets.count("waiting"), 100 - maxFailures);
    assert.ok(fleet.mostAtWork <= maxFailures);
  }
});

Deno.test("Those in flight and those that have failed are together never more than --max-failures", async () => {
  const maxFailures = 4;
  let most = 0;
  const behaviour: Behaviour = async function* (target, signal) {
    const { fleet, targets } = test;
    most = Math.max(most, targets.failures + fleet.atWork);
    yield* failing("web-3", "web-20", "web-31")(target, signal);
  };
  const test = prepare(behaviour, { hosts: 60, maxFailures });
  await test.run();
  assert.deepEqual(counts(test.targets), { done: 57, failed: 3 });
  assert.equal(most, maxFailures);
});

Deno.test("Hosts that are offline use up no failures, and do not keep others from their turn", async () => {
  const behaviour: Behaviour = async function* (target, signal) {
    if (Number(target.host.slice(4)) % 2 === 0) yield failure(target.host, "offline");
    else yield* works(target, signal);
  };
  const { targets, run } = prepare(behaviour, { hosts: 20, maxFailures: 1 });
  await run();
  assert.deepEqual(counts(targets), { done: 10, offline: 10 });
});

Deno.test("Without a limit, the wave in which a host fails is the last, and goes to its end", async () => {
  const { targets, run } = prepare(failing("web-4"), { hosts: 20, waves: "2,10,100%" });
  await run();
  assert.deepEqual(counts(targets), { done: 9, failed: 1, waiting: 10 });
  const allowed = prepare(failing("web-4"), { hosts: 20, waves: "2,10,100%", maxFailures: 2 });
  await allowed.run();
  assert.deepEqual(counts(allowed.targets), { done: 19, failed: 1 });
});

Deno.test("A wave that is not to be leaves its hosts waiting", async () => {
  const { targets, run } = prepare(works, {
    hosts: 10,
    waves: "3,100%",
    pause: () => Promise.resolve(false),
  });
  await run();
  assert.deepEqual(counts(targets), { done: 3, waiting: 7 });
});

Deno.test("stop() has nothing more started, and stops all that runs and all that is being started", async () => {
  const late = Promise.withResolvers<void>();
  const behaviour: Behaviour = async function* (target, signal) {
    if (target.host === "web-2") await late.promise;
    yield* test.fleet.untilStopped(target, signal);
  };
  const test = prepare(behaviour, { hosts: 10, parallel: 3 });
  const ended = test.run();
  await until(() => Promise.resolve(test.targets.count("running") === 2));
  test.running.stop();
  late.resolve();
  await soon(ended, () => "the end of all jobs");
  assert.deepEqual(test.fleet.started, ["web-1", "web-2", "web-3"]);
  assert.deepEqual(test.fleet.stops.map(({ jobIds }) => jobIds), [
    ["job of web-1", "job of web-3"],
    ["job of web-2"],
  ]);
  assert.deepEqual(counts(test.targets), { failed: 3, waiting: 7 });
});

Deno.test("stop() also reaches the jobs of hosts that do not answer any more", async () => {
  const behaviour: Behaviour = async function* (target, signal) {
    if (target.host !== "web-1") return yield* test.fleet.untilStopped(target, signal);
    const [started] = ran(target.host, "");
    if (started !== undefined) yield started;
    yield failure(target.host, "unanswered");
  };
  const test = prepare(behaviour, { hosts: 2 });
  const ended = test.run();
  await until(() => Promise.resolve(test.targets.count("running") === 1));
  await until(() => Promise.resolve(test.targets.count("unknown") === 1));
  test.running.stop();
  await soon(ended, () => "the end of all jobs");
  assert.deepEqual(test.fleet.stops.flatMap(({ jobIds }) => jobIds).sort(), [
    "job of web-1",
    "job of web-2",
  ]);
});

Deno.test("The signal ends all calls, and of what was in flight nothing more is known", async () => {
  const leaving = new AbortController();
  const behaviour: Behaviour = (target, signal) => test.fleet.untilStopped(target, signal);
  const test = prepare(behaviour, { hosts: 6, parallel: 4, signal: leaving.signal });
  const ended = test.run();
  await until(() => Promise.resolve(test.targets.count("running") === 4));
  const reason = new Error("gone");
  leaving.abort(reason);
  await assert.rejects(ended, reason);
  assert.deepEqual(counts(test.targets), { unknown: 4, waiting: 2 });
  assert.deepEqual(test.fleet.stops, []);
});

Deno.test("An output that nobody reads ends the other calls, too", async () => {
  const behaviour: Behaviour = async function* (target, signal) {
    if (target.host === "web-2") await rejection({ signal });
    else yield* works(target, signal);
  };
  const error = new OutputClosed("closed");
  // The third is asked by another call than the second, once the first is done.
  const onEvent = ({ host }: Target) =>
    host === "web-3" ? Promise.reject(error) : Promise.resolve();
  const test = prepare(behaviour, { hosts: 4, parallel: 2, onEvent });
  await assert.rejects(soon(test.run(), () => "the end of all calls"), error);
  // A host that works takes one turn more, before it notices that nobody asks.
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(test.fleet.requests.length, 2);
  assert.deepEqual(counts(test.targets), { done: 1, unknown: 2, waiting: 1 });
});

Deno.test("What a hub refuses as a whole was not started; what it does not answer may have been", async () => {
  for (
    const [code, state] of [["permission_denied", "refused"], ["unavailable", "unknown"]] as const
  ) {
    const error = new JobWorkerError(code, "No");
    const behaviour: Behaviour = () => {
      throw error;
    };
    const { targets, run } = prepare(behaviour, { hosts: 5, parallel: 2 });
    await assert.rejects(run(), error);
    assert.deepEqual(counts(targets), { [state]: 2, waiting: 3 });
  }
});

Deno.test("Many single turns need no more calls at once than a daemon bears", async () => {
  let calls = 0;
  let most = 0;
  const behaviour: Behaviour = async function* ({ host }) {
    const number = Number(host.slice(4));
    // The first ones are slow, so that each of the others frees one place by itself.
    const turns = number <= 300 ? 40 : 1 + number % 5;
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setTimeout(resolve));
    yield* ran(host, "");
  };
  const { targets, run, fleet } = prepare(behaviour, { hosts: 1_500, parallel: 600 });
  const { runJobs } = fleet.client;
  Object.assign(fleet.client, {
    async *runJobs(...args: Parameters<typeof runJobs>) {
      most = Math.max(most, ++calls);
      yield* runJobs(...args);
      calls--;
    },
  });
  await run();
  assert.deepEqual(counts(targets), { done: 1_500 });
  assert.ok(most <= 200, `${most} calls at once`);
});
