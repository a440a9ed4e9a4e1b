import {
  DESCRIPTORS_OF_EXECUTOR,
  DESCRIPTORS_PER_JOB,
  runningLimits,
} from "../../lib/daemon/running_limits.ts";
import { DESCRIPTORS_PER_LOOKUP } from "../../lib/executor/user_lookups.ts";
import { assert } from "../assert.ts";

const AUTO = {
  maxRunning: Infinity,
  maxRunningPerUser: Infinity,
  maxQueued: 100,
  maxQueuedPerUser: Infinity,
  jobUids: null,
};

Deno.test("runningLimits() runs what the descriptors are enough for, and half of that for one user", () => {
  const found = [0, 90, 1_024, 2_048, 65_536, Infinity].map((count) => runningLimits(AUTO, count));
  assert.deepEqual(found.map(({ maxRunning }) => maxRunning), [1, 4, 160, 330, 4_096, 4_096]);
  assert.deepEqual(found.map(({ maxRunningPerUser }) => maxRunningPerUser), [
    ...[1, 2, 80, 165, 2_048, 2_048],
  ]);
});

Deno.test("runningLimits() takes what somebody has chosen, unless there are too few descriptors for it", () => {
  assert.deepEqual(runningLimits({ ...AUTO, maxRunning: 160 }, 1_024), {
    maxRunning: 160,
    maxRunningPerUser: 80,
    maxQueued: 100,
    maxQueuedPerUser: 50,
  });
  assert.deepEqual(runningLimits({ ...AUTO, maxRunningPerUser: 7, maxQueuedPerUser: 0 }, 1_024), {
    maxRunning: 160,
    maxRunningPerUser: 7,
    maxQueued: 100,
    maxQueuedPerUser: 0,
  });
  assert.equal(runningLimits({ ...AUTO, maxRunning: 10_000 }, 65_536).maxRunning, 10_000);
  assert.throws(() => runningLimits({ ...AUTO, maxRunning: 161 }, 1_024), {
    code: "failed_precondition",
    message:
      "Cannot run 161 jobs at once (--max-running): 1024 descriptors are enough for 160; raise the " +
      "limit (LimitNOFILE of systemd, ulimit -Hn), or choose a lower number",
  });
});

Deno.test("runningLimits() leaves enough descriptors if every job runs, and if every job is being prepared", () => {
  for (let descriptors = 70; descriptors < 5_000; descriptors += 37) {
    const { maxRunning } = runningLimits(AUTO, descriptors);
    for (const each of [DESCRIPTORS_PER_JOB, DESCRIPTORS_PER_LOOKUP]) {
      assert.ok(DESCRIPTORS_OF_EXECUTOR + maxRunning * each <= descriptors, `${descriptors}`);
    }
  }
});

Deno.test("runningLimits() runs no more jobs than there are users for", () => {
  const jobUids = { first: 200_000, last: 200_009 };
  assert.deepEqual(runningLimits({ ...AUTO, jobUids }, 1_024), {
    maxQueued: 100,
    maxQueuedPerUser: 50,
    maxRunning: 10,
    maxRunningPerUser: 5,
  });
});
