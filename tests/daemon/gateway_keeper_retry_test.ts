import { GatewayProcess } from "../../lib/daemon/gateway_process.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { until } from "../worker/fixture.ts";
import { LISTENING, TestKeeper } from "./gateway_keeper_fixture.ts";

Deno.test("GatewayProcess gives a gateway on a slow machine longer to answer each question", async () => {
  await using fixture = await TestKeeper.create(LISTENING);
  await fixture.start();
  const [{ pid: _pid, ...options } = assert.fail("None was started")] = await fixture.served(1);
  for (const slowness of [1, 4]) {
    using timers = new FakeTimers();
    const gateway = new GatewayProcess({
      onSession: () => {},
      setsid: `${fixture.path}/gateway`,
      argv: [],
      onRefused: () => {},
      restoreSocket: () => Promise.resolve(),
    });
    await gateway.serve({ ...options, slowness }, new AbortController().signal);
    const pass = async (ms: number) => {
      timers.pass(ms);
      // What a timer has begun is done in a few turns.
      for (let turn = 0; turn < 20; turn++) await null;
      return gateway.wasUnwell;
    };
    assert.deepEqual([await pass(3_000), await pass(5_000 * slowness - 1)], [false, false]);
    await pass(1);
    assert.equal(await gateway.ended, "it does not answer");
    assert.ok(gateway.wasUnwell);
  }
});

Deno.test("GatewayKeeper tries again after a death until a gateway listens", async () => {
  const failed = JSON.stringify({ kind: "failed", code: "unavailable", message: "Not now" });
  await using fixture = await TestKeeper.create(LISTENING);
  const keeper = await fixture.start();
  const [{ pid } = { pid: 0 }] = await fixture.served(1);
  await fixture.answer(failed, failed, LISTENING);
  Deno.kill(pid, "SIGKILL");
  await fixture.served(4);
  await until(() => Promise.resolve(keeper.alive === 1));
});

Deno.test("GatewayKeeper waits longer after each gateway that died young, and not after one that did not", async () => {
  await using fixture = await TestKeeper.create(LISTENING);
  using timers = new FakeTimers();
  const keeper = await fixture.start();
  const lives = [0, 0, 10_000, 0, 0, 0, 0, 10_001, 0];
  const pauses = [20, 40, 80, 160, 320, 400, 400, 10, 20];
  for (const [index, life] of lives.entries()) {
    await fixture.met(() => keeper.alive === 1);
    // This is too soon for the keeper to notice that the gateway answers no ping.
    timers.pass(life);
    const last = (await fixture.told()).findLast(({ command }) => command.kind === "serve");
    Deno.kill(last?.pid ?? 0, "SIGKILL");
    await fixture.met(() => keeper.alive === 0 && timers.pending === 1);
    assert.equal(timers.next, pauses[index], `after the death ${index}`);
    timers.pass(timers.next);
  }
  await fixture.met(() => keeper.alive === 1);
});

Deno.test("GatewayKeeper tries less and less often to replace a gateway, but every ten seconds at least", async () => {
  const failed = JSON.stringify({ kind: "failed", code: "unavailable", message: "Not now" });
  await using fixture = await TestKeeper.create(LISTENING);
  using timers = new FakeTimers();
  const keeper = await fixture.start();
  const [first] = await fixture.told();
  await fixture.answer(failed);
  Deno.kill(first?.pid ?? 0, "SIGKILL");
  await fixture.met(() => keeper.alive === 0);
  for (let pause = 20; pause <= 40 * 2 ** 10; pause *= 2) {
    // The other timer is that of a gateway that has yet to listen.
    await fixture.met(() => timers.pending === 1 && timers.next !== 30_000);
    assert.equal(timers.next, Math.min(pause, 10_000));
    timers.pass(timers.next);
  }
});

Deno.test("GatewayKeeper.start() fails with what the first gateway says, and leaves none behind", async () => {
  for (const code of ["failed_precondition", "unavailable"] as const) {
    const failed = JSON.stringify({ kind: "failed", code, message: `It is ${code}` });
    await using fixture = await TestKeeper.create(LISTENING, failed);
    await assert.rejects(fixture.start({ count: 2 }), { code, message: `It is ${code}` });
    const [first] = await fixture.served(2);
    const drained = (await fixture.told()).filter(({ command }) => command.kind === "drain");
    assert.deepEqual(drained.map(({ pid }) => pid), [first?.pid]);
  }
});

Deno.test("GatewayKeeper gives a gateway that is late twice the time, up to sixteen times, and those after it as well", async () => {
  await using fixture = await TestKeeper.create("", "", LISTENING);
  const timers = new FakeTimers();
  try {
    const starting = fixture.start({ count: 2 });
    for (const [index, ms] of [30_000, 60_000].entries()) {
      await fixture.toldSoFar(index + 1);
      timers.pass(ms - 1);
      assert.equal((await fixture.told()).length, index + 1);
      timers.pass(1);
    }
    await starting;
  } finally {
    timers[Symbol.dispose]();
  }
  assert.deepEqual((await fixture.served(4)).map(({ slowness }) => slowness), [1, 2, 4, 4]);
});

Deno.test("GatewayKeeper gives up on a gateway that is late for the fifth time", async () => {
  await using fixture = await TestKeeper.create("");
  const timers = new FakeTimers();
  try {
    let error: unknown;
    void fixture.start().catch((reason) => error = reason);
    for (const [index, slowness] of [1, 2, 4, 8, 16].entries()) {
      await fixture.toldSoFar(index + 1);
      timers.pass(30_000 * slowness);
    }
    const deadline = Date.now() + 30_000;
    while (error === undefined) {
      assert.ok(Date.now() < deadline, "It tries on");
      await Deno.stat(fixture.path);
    }
    assert.ok(error instanceof JobWorkerError && error.code === "deadline_exceeded");
    assert.match(error.message, /it did not listen within 480 s$/);
  } finally {
    timers[Symbol.dispose]();
  }
  assert.equal((await fixture.served(5)).length, 5);
});
