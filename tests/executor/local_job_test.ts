import { CgroupTree, type JobTree } from "../../lib/process/job_tree.ts";
import type { Process } from "../../lib/process/process.ts";
import type { JobOutcome } from "../../lib/executor/executor.ts";
import { LocalJob } from "../../lib/executor/local_job.ts";
import type { ExitStatus } from "../../lib/job/types.ts";
import { assert } from "../assert.ts";
import { cgroupsIn } from "../process/cgroup_fixture.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { openLog, type TestLog } from "../log/log_fixture.ts";

/** A process that prints nothing, and ends when it is told to. */
function silentProcess(): { process: Process; end: (status: ExitStatus) => void } {
  const { promise: exit, resolve: end } = Promise.withResolvers<ExitStatus>();
  const empty = () =>
    new ReadableStream({ type: "bytes", start: (controller) => controller.close() });
  return {
    process: { pid: 0, spawnedAt: 0, exit, stdin: null, stdout: empty(), stderr: empty() },
    end,
  };
}

/** A tree in which everything goes well, unless the test says otherwise. */
function treeWith(part: Partial<JobTree>): JobTree {
  return {
    containment: "cgroup",
    signal: () => Promise.resolve(true),
    signalAgain: () => Promise.resolve(true),
    kill: () => Promise.resolve(),
    release: () => Promise.resolve({ empty: true, usage: null }),
    ...part,
  };
}

function run(
  test: TestLog,
  process: Process,
  tree: JobTree,
  onFault: (error: unknown) => void = (error) => {
    throw error;
  },
): LocalJob {
  return new LocalJob({
    jobId: "job",
    execution: { timeoutMs: 0, gracePeriodMs: 10_000 },
    startedAt: 1_000,
    process,
    writer: test.writer,
    tree,
    cleanUp: () => Promise.resolve(),
    onFault,
  });
}

/** The outcome of a job whose cgroup has these events. */
async function endAfter(status: ExitStatus, events: string): Promise<JobOutcome> {
  await using directory = await temporaryDirectory();
  await using kept = await cgroupsIn(directory.path, "memory");
  await using test = await openLog();
  await kept.cgroups.make("job", {});
  await Deno.writeTextFile(`${directory.path}/job/memory.events`, events);
  const { process, end } = silentProcess();
  end(status);
  return await run(test, process, new CgroupTree(kept.cgroups, "job")).ended;
}

Deno.test("A job that the kernel kills for want of memory says so, and keeps its signal", async () => {
  const events = "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n";
  const { end, usage } = await endAfter({ signal: "SIGKILL" }, events);
  const { finishedAt: _, ...outcome } = end;
  assert.deepEqual(outcome, {
    status: "failed",
    reason: "signaled",
    exitStatus: { signal: "SIGKILL" },
    detail: "Out of memory: the kernel killed 1 of its processes",
  });
  assert.equal(usage?.oomKills, 1);
});

Deno.test("A job that outlives the death of a child for want of memory says so, too", async () => {
  const { end } = await endAfter({ code: 137 }, "oom_kill 2\n");
  assert.deepEqual([end.reason, end.exitStatus], ["exited", { code: 137 }]);
  assert.equal(end.detail, "Out of memory: the kernel killed 2 of its processes");
});

Deno.test("A job that somebody kills says nothing of memory", async () => {
  const { end } = await endAfter({ signal: "SIGKILL" }, "oom 3\noom_kill 0\n");
  assert.deepEqual([end.reason, end.detail], ["signaled", undefined]);
});

Deno.test("SIGKILL is sent until the leader has ended, which may not be in its tree yet", async () => {
  for (const how of ["stop", "signal"] as const) {
    await using test = await openLog();
    const { process, end } = silentProcess();
    let kills = 0;
    const kill = () => {
      // The signals before this one came too early.
      if (++kills === 4) end({ signal: "SIGKILL" });
      return Promise.resolve();
    };
    const running = run(test, process, treeWith({ kill }));
    const options = { stopSignal: "KILL", gracePeriodMs: 0, reason: "shutdown" } as const;
    if (how === "stop") await running.stop(options);
    else await running.signal("KILL");
    const { end: ended } = await running.ended;
    assert.deepEqual(ended.exitStatus, { signal: "SIGKILL" });
    assert.equal(kills, 4);
  }
});

Deno.test("SIGKILL is sent again if it could not be, which is reported once", async () => {
  await using test = await openLog();
  const { process, end } = silentProcess();
  const faults: unknown[] = [];
  let kills = 0;
  const kill = () => {
    if (++kills < 4) return Promise.reject(new Error("No process left"));
    end({ signal: "SIGKILL" });
    return Promise.resolve();
  };
  const running = run(test, process, treeWith({ kill }), (error) => void faults.push(error));
  await running.stop({ stopSignal: "KILL", gracePeriodMs: 0, reason: "stopped" });
  assert.deepEqual((await running.ended).end.exitStatus, { signal: "SIGKILL" });
  assert.deepEqual(faults.map(String), ["Error: No process left"]);
});

Deno.test("A job ends only once it is known that nothing of it is left, even if that takes a few attempts", async () => {
  await using test = await openLog();
  const { process, end } = silentProcess();
  const usage = { cpuMs: 1, peakMemoryBytes: 2, oomKills: 0 };
  let looks = 0;
  const release = () => {
    if (++looks < 4) return Promise.reject(new Error("No process left"));
    return Promise.resolve({ empty: true, usage } as const);
  };
  const running = run(test, process, treeWith({ release }));
  end({ code: 3 });
  const outcome = await running.ended;
  assert.deepEqual([outcome.end.exitStatus, outcome.usage], [{ code: 3 }, usage]);
});

Deno.test("A signal is sent until it reaches something", async () => {
  await using test = await openLog();
  const { process, end } = silentProcess();
  let sent = 0;
  const signalAgain = () => Promise.resolve(++sent === 4);
  const running = run(test, process, treeWith({ signalAgain }));
  await running.signal("USR1");
  assert.equal(sent, 4);
  end({ code: 0 });
  await running.ended;
});

Deno.test("A job has not ended while something is still asked of its tree", async () => {
  for (const how of ["stop", "signal", "kill"] as const) {
    await using test = await openLog();
    const { process, end } = silentProcess();
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<boolean>();
    const ask = () => {
      asked.resolve();
      return answer.promise;
    };
    const released = Promise.withResolvers<void>();
    const running = run(
      test,
      process,
      treeWith({
        signal: ask,
        signalAgain: ask,
        kill: async () => void await ask(),
        release: () => {
          released.resolve();
          return Promise.resolve({ empty: true, usage: null });
        },
      }),
    );
    const stopSignal = how === "kill" ? "KILL" : "TERM";
    const sent = how === "signal"
      ? running.signal("USR1")
      : running.stop({ stopSignal, gracePeriodMs: 10_000, reason: "stopped" });
    await asked.promise;
    end({ signal: "SIGKILL" });
    await released.promise;
    let ended = false;
    void running.ended.then(() => ended = true);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(ended, false, how);
    answer.resolve(true);
    await Promise.all([sent, running.ended]);
  }
});

/** A job whose signals are written down, by a clock that the test sets. */
async function timed(
  use: (running: LocalJob, told: string[], timers: FakeTimers) => Promise<void>,
) {
  await using test = await openLog();
  const { process, end } = silentProcess();
  const told: string[] = [];
  const note = (what: string) => Promise.resolve(told.push(what) > 0);
  const timers = new FakeTimers();
  const running = run(
    test,
    process,
    treeWith({
      signal: (signal) => note(signal),
      signalAgain: (signal) => note(`${signal} again`),
      kill: async () => void await note("KILL"),
    }),
  );
  try {
    await use(running, told, timers);
  } finally {
    timers[Symbol.dispose]();
    end({ signal: "SIGTERM" });
    await running.ended;
  }
}

Deno.test("A time limit counts from the start of the job, however often it is changed", async () => {
  await timed((running, told, timers) => {
    timers.pass(400);
    running.setTimeLimit(500);
    running.setTimeLimit(1_000);
    timers.pass(599);
    assert.deepEqual(told, []);
    running.setTimeLimit(0);
    timers.pass(10_000);
    assert.deepEqual(told, []);
    running.setTimeLimit(20_000);
    timers.pass(9_000);
    assert.deepEqual(told, []);
    timers.pass(1);
    assert.deepEqual(told, ["TERM"]);
    return Promise.resolve();
  });
});

Deno.test("A time limit that is longer than a timer can count is kept, too", async () => {
  const days = 24 * 60 * 60 * 1000;
  await timed((running, told, timers) => {
    running.setTimeLimit(60 * days);
    for (const ms of [25 * days, 25 * days, 10 * days - 1]) {
      timers.pass(ms);
      assert.deepEqual(told, []);
    }
    timers.pass(1);
    assert.deepEqual(told, ["TERM"]);
    return Promise.resolve();
  });
});

Deno.test("The first of several stops gives the reason, and the earliest deadline holds", async () => {
  await timed(async (running, told, timers) => {
    const stop = (gracePeriodMs: number, reason: "stopped" | "shutdown" = "shutdown") =>
      void running.stop({ stopSignal: "TERM", gracePeriodMs, reason });
    stop(300, "stopped");
    timers.pass(100);
    stop(100);
    stop(1_000);
    running.setTimeLimit(1);
    timers.pass(99);
    assert.ok(!told.includes("KILL"));
    timers.pass(1);
    assert.ok(told.includes("KILL"));
    await Promise.resolve();
  });
  const reasons: string[] = [];
  await timed((running) => {
    void running.ended.then(({ end }) => reasons.push(end.reason));
    for (const reason of ["stopped", "shutdown"] as const) {
      void running.stop({ stopSignal: "TERM", gracePeriodMs: 300, reason });
    }
    return Promise.resolve();
  });
  assert.deepEqual(reasons, ["stopped"]);
});

Deno.test("LocalJob.signal() sends a signal each time that it is asked to", async () => {
  await timed(async (running, told) => {
    for (let time = 0; time < 2; time++) await running.signal("HUP");
    assert.deepEqual(told, ["HUP again", "HUP again"]);
  });
});
