import { GatewayKeeper, type GatewayKeeperOptions } from "../../lib/daemon/gateway_keeper.ts";
import { GatewayProcess } from "../../lib/daemon/gateway_process.ts";
import type { GatewayCommand } from "../../lib/daemon/gateway_protocol.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import type { Refusal } from "../../lib/service/audit.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { processStat, temporaryDirectory, until } from "../worker/fixture.ts";

/**
 * Speaks as a gateway does, in the place of setsid(1), and writes down what it is told. To `serve` it
 * answers the first line of `answers`, if that is not empty, and takes that line out, but for the last.
 * It does not drain while there is a file `slow`.
 */
const GATEWAY = `#!/bin/sh
cd "\${0%/*}"
while read -r line; do
  answer=
  case $line in *'"kind":"serve"'*)
    read -r answer <answers
    [ "$(wc -l <answers)" -lt 2 ] || sed -i 1d answers;;
  esac
  printf '%s %s\\n' $$ "$line" >>told
  [ -z "$answer" ] || printf '%b\\n' "$answer"
  case $line$answer in
    *'"kind":"drain"'*) while [ -e slow ]; do sleep 0.01; done; exit 0;;
    *'"kind":"failed"'*) exit 1;;
  esac
done
`;

const LISTENING = JSON.stringify({
  kind: "listening",
  address: { hostname: "127.0.0.1", port: 4711 },
  restAddress: { hostname: "127.0.0.2", port: 4712 },
});

const REFUSAL: Refusal = {
  method: "connect",
  peer: "192.0.2.1:1",
  user: "",
  fingerprint: "",
  why: "No client certificate was given",
  unreported: 0,
};

/** A keeper of such gateways. */
class Fixture implements AsyncDisposable {
  readonly refusals: Refusal[] = [];
  readonly ending = new AbortController();
  /** How often the socket was looked after. */
  restored = 0;
  readonly path: string;
  readonly #directory: AsyncDisposable;
  #keeper: GatewayKeeper | null = null;

  private constructor(directory: AsyncDisposable & { readonly path: string }) {
    this.path = directory.path;
    this.#directory = directory;
  }

  static async create(...answers: readonly string[]): Promise<Fixture> {
    const fixture = new Fixture(await temporaryDirectory());
    await Deno.writeTextFile(`${fixture.path}/gateway`, GATEWAY, { mode: 0o700 });
    await fixture.answer(...answers);
    return fixture;
  }

  /** Decides what those who are told to serve answer, one after the other. */
  async answer(...answers: readonly string[]): Promise<void> {
    await Deno.writeTextFile(`${this.path}/answers`, answers.map((line) => `${line}\n`).join(""));
  }

  async start(options: Partial<GatewayKeeperOptions> = {}): Promise<GatewayKeeper> {
    this.#keeper = await GatewayKeeper.start({
      count: 1,
      setsid: `${this.path}/gateway`,
      retryOptions: {
        pauseMs: { first: 1, last: 1 },
        signal: this.ending.signal,
        again: () => false,
      },
      onRefused: (refusal) => this.refusals.push(refusal),
      restoreSocket: () => Promise.resolve(void this.restored++),
      gateway: {
        address: { hostname: "127.0.0.1", port: 0 },
        restAddress: { hostname: "127.0.0.2", port: 0 },
        inherited: { grpc: null, rest: null },
        users: "/the/users",
        publicOrigins: ["https://jobs.example"],
        cert: "/the/cert",
        key: "/the/key",
        ca: "/the/ca",
        denyList: "/the/list",
        socket: "/the/socket",
        maxConnections: 41,
        maxConnectionsPerAddress: 23,
        debug: true,
        journal: true,
      },
      ...options,
    });
    return this.#keeper;
  }

  /** What the gateways were told, in order. */
  async told(): Promise<{ pid: number; command: GatewayCommand }[]> {
    const text = await Deno.readTextFile(`${this.path}/told`).catch(() => "");
    return text.split("\n").slice(0, -1).map((line) => {
      const [pid = ""] = line.split(" ");
      return { pid: Number(pid), command: JSON.parse(line.slice(pid.length + 1)) };
    });
  }

  /** Waits until that many were told to serve, and returns what each was. */
  async served(count: number) {
    return await until(async () => {
      const found = (await this.told()).flatMap(({ pid, command }) =>
        command.kind === "serve" ? [{ pid, ...command.options }] : []
      );
      return found.length >= count && found;
    });
  }

  /** Waits until the gateways were told that much. */
  async toldSoFar(count: number): Promise<void> {
    await this.met(async () => (await this.told()).length >= count);
  }

  /** Waits for a condition, by a clock that no test has stopped. */
  async met(condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!await condition()) {
      assert.ok(Date.now() < deadline, `Still not so: ${condition}`);
      await Deno.stat(this.path);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ending.abort(new Error("The test is over"));
    await this.#keeper?.[Symbol.asyncDispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}

const BOUND = {
  address: { hostname: "127.0.0.1", port: 4711 },
  restAddress: { hostname: "127.0.0.2", port: 4712 },
};

Deno.test("GatewayKeeper.start() hands all on: the first gateway has the port alone, the others share it", async () => {
  await using fixture = await Fixture.create(LISTENING);
  const keeper = await fixture.start({ count: 3 });
  assert.deepEqual(keeper.addresses, BOUND);
  assert.equal(keeper.alive, 3);
  const [first, ...others] = await fixture.served(3);
  assert.ok(first !== undefined);
  const { pid: _pid, ...options } = first;
  assert.deepEqual(options, {
    address: { hostname: "127.0.0.1", port: 0 },
    restAddress: { hostname: "127.0.0.2", port: 0 },
    inherited: { grpc: null, rest: null },
    users: "/the/users",
    publicOrigins: ["https://jobs.example"],
    cert: "/the/cert",
    key: "/the/key",
    ca: "/the/ca",
    denyList: "/the/list",
    socket: "/the/socket",
    maxConnections: 41,
    maxConnectionsPerAddress: 23,
    debug: true,
    journal: true,
    exclusive: true,
    slowness: 1,
  });
  for (const { pid: _, ...other } of others) {
    assert.deepEqual(other, { ...options, ...BOUND, exclusive: false });
  }
  assert.equal(fixture.restored, 3, "Before each the socket is looked after");
});

Deno.test("GatewayKeeper.reload() replaces each once, one reload after the other, and lets calls end", async () => {
  await using fixture = await Fixture.create(LISTENING);
  const keeper = await fixture.start({ count: 2 });
  await Promise.all([keeper.reload(), keeper.reload()]);
  const served = await fixture.served(6);
  assert.equal(served.length, 6);
  for (const { exclusive, address, restAddress } of served.slice(1)) {
    assert.deepEqual({ exclusive, address, restAddress }, { exclusive: false, ...BOUND });
  }
  // In this order a first pair is replaced, and then the second.
  const drained = await until(async () => {
    const found = (await fixture.told()).filter(({ command }) => command.kind === "drain");
    return found.length === 4 && found;
  });
  assert.deepEqual(
    new Set(drained.map(({ pid }) => pid)),
    new Set(served.slice(0, 4).map(({ pid }) => pid)),
  );
  for (const { command } of drained) {
    assert.deepEqual(command, { kind: "drain", drainTimeoutMs: 15_000 });
  }
  assert.equal(keeper.alive, 2);
  assert.equal(fixture.restored, 6);
});

Deno.test("GatewayKeeper replaces one that dies, again and again, at the same address", async () => {
  await using fixture = await Fixture.create(LISTENING);
  const keeper = await fixture.start();
  for (let death = 1; death <= 3; death++) {
    const served = await fixture.served(death);
    Deno.kill(served.at(-1)?.pid ?? 0, "SIGKILL");
    const next = (await fixture.served(death + 1)).at(-1);
    assert.ok(next !== undefined);
    const { exclusive, address, restAddress } = next;
    assert.deepEqual({ exclusive, address, restAddress }, { exclusive: true, ...BOUND });
    await until(() => Promise.resolve(keeper.alive === 1));
  }
  assert.equal(fixture.restored, 4);
});

Deno.test("GatewayKeeper replaces one of two that dies by one that shares the port", async () => {
  await using fixture = await Fixture.create(LISTENING);
  const keeper = await fixture.start({ count: 2 });
  const [, second] = await fixture.served(2);
  Deno.kill(second?.pid ?? 0, "SIGKILL");
  assert.equal((await fixture.served(3)).at(-1)?.exclusive, false);
  await until(() => Promise.resolve(keeper.alive === 2));
});

Deno.test("GatewayKeeper lets a new gateway share the port with an old one that drains, and then no more", async () => {
  await using fixture = await Fixture.create(LISTENING);
  const keeper = await fixture.start();
  await Deno.writeTextFile(`${fixture.path}/slow`, "");
  await keeper.reload();
  const [old, successor] = await fixture.served(2);
  assert.ok(old !== undefined && successor !== undefined);
  Deno.kill(successor.pid, "SIGKILL");
  const third = (await fixture.served(3)).at(-1);
  assert.equal(third?.exclusive, false);
  await until(() => Promise.resolve(keeper.alive === 1));
  await Deno.remove(`${fixture.path}/slow`);
  await until(async () => await processStat(old.pid) === null);
  Deno.kill(third.pid, "SIGKILL");
  assert.equal((await fixture.served(4)).at(-1)?.exclusive, true);
  await until(() => Promise.resolve(keeper.alive === 1));
});

Deno.test("GatewayKeeper ends a reload that is under way before it lets the gateways finish", async () => {
  await using fixture = await Fixture.create(LISTENING);
  const restoring = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const restored: (readonly [begun: () => void, done: Promise<void>])[] = [
    [() => {}, Promise.resolve()],
    [restoring[0].resolve, restoring[1].promise],
  ];
  const keeper = await fixture.start({
    restoreSocket: async () => {
      const [begun, done] = restored.shift() ?? assert.fail("Nothing is started any more");
      begun();
      await done;
    },
  });
  const order: string[] = [];
  const reloaded = keeper.reload().then(() => order.push("reloaded"));
  await restoring[0].promise;
  const { drain } = GatewayProcess.prototype;
  GatewayProcess.prototype.drain = async function (drainTimeoutMs) {
    order.push("drained");
    await drain.call(this, drainTimeoutMs);
  };
  try {
    const disposed = keeper[Symbol.asyncDispose]();
    restoring[1].resolve();
    await disposed;
  } finally {
    GatewayProcess.prototype.drain = drain;
  }
  await reloaded;
  assert.deepEqual(order, ["reloaded", "drained"]);
});

Deno.test("GatewayProcess.drain() gives calls their time, and eight seconds to close", async () => {
  using timers = new FakeTimers();
  const gateway = new GatewayProcess({
    setsid: "/usr/bin/setsid",
    argv: ["sleep", "100"],
    onRefused: () => {},
    restoreSocket: () => Promise.resolve(),
  });
  const drained = gateway.drain(15_000);
  timers.pass(22_999);
  assert.equal(timers.pending, 1);
  timers.pass(1);
  assert.equal(await gateway.ended, "it did not drain in time");
  await drained;
});

Deno.test("GatewayProcess gives one on a slow machine longer to answer, each time that it is asked", async () => {
  await using fixture = await Fixture.create(LISTENING);
  await fixture.start();
  const [{ pid: _pid, ...options } = assert.fail("None was started")] = await fixture.served(1);
  for (const slowness of [1, 4]) {
    using timers = new FakeTimers();
    const gateway = new GatewayProcess({
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
    assert.deepEqual(
      [await pass(3_000), await pass(5_000 * slowness - 1), await pass(1)],
      [false, false, true],
    );
    assert.equal(await gateway.ended, "it does not answer");
  }
});

Deno.test("GatewayProcess tells the first reason for which it was killed", async () => {
  const gateway = new GatewayProcess({
    setsid: "/usr/bin/setsid",
    argv: ["cat"],
    onRefused: () => {},
    restoreSocket: () => Promise.resolve(),
  });
  gateway.kill("The first reason");
  gateway.kill("The second one");
  assert.equal(await gateway.ended, "The first reason");
});

Deno.test("GatewayKeeper tries again after a death until a gateway listens", async () => {
  const failed = JSON.stringify({ kind: "failed", code: "unavailable", message: "Not now" });
  await using fixture = await Fixture.create(LISTENING);
  const keeper = await fixture.start();
  const [{ pid } = { pid: 0 }] = await fixture.served(1);
  await fixture.answer(failed, failed, LISTENING);
  Deno.kill(pid, "SIGKILL");
  await fixture.served(4);
  await until(() => Promise.resolve(keeper.alive === 1));
});

Deno.test("GatewayKeeper waits longer after each one that died young, and not after one that did not", async () => {
  await using fixture = await Fixture.create(LISTENING);
  using timers = new FakeTimers();
  const keeper = await fixture.start();
  const lives = [0, 0, 10_000, 0, 0, 0, 0, 10_001, 0];
  const pauses = [20, 40, 80, 160, 320, 400, 400, 10, 20];
  for (const [index, life] of lives.entries()) {
    await fixture.met(() => keeper.alive === 1);
    // Before it could be missed that it does not answer.
    timers.pass(life);
    const last = (await fixture.told()).findLast(({ command }) => command.kind === "serve");
    Deno.kill(last?.pid ?? 0, "SIGKILL");
    await fixture.met(() => keeper.alive === 0 && timers.pending === 1);
    assert.equal(timers.next, pauses[index], `after the death ${index}`);
    timers.pass(timers.next);
  }
  await fixture.met(() => keeper.alive === 1);
});

Deno.test("GatewayKeeper tries less and less often to replace one, but every ten seconds at least", async () => {
  const failed = JSON.stringify({ kind: "failed", code: "unavailable", message: "Not now" });
  await using fixture = await Fixture.create(LISTENING);
  using timers = new FakeTimers();
  const keeper = await fixture.start();
  const [first] = await fixture.told();
  await fixture.answer(failed);
  Deno.kill(first?.pid ?? 0, "SIGKILL");
  await fixture.met(() => keeper.alive === 0);
  for (let pause = 20; pause <= 40 * 2 ** 10; pause *= 2) {
    // The time that a gateway has to listen is another.
    await fixture.met(() => timers.pending === 1 && timers.next !== 30_000);
    assert.equal(timers.next, Math.min(pause, 10_000));
    timers.pass(timers.next);
  }
});

Deno.test("GatewayKeeper has a gateway look for strangers at its port once all before it have drained", async () => {
  await using fixture = await Fixture.create(LISTENING);
  const keeper = await fixture.start();
  const [first] = await fixture.served(1);
  await keeper.reload();
  await until(async () => await processStat(first?.pid ?? 0) === null);
  Deno.kill((await fixture.served(2))[1]?.pid ?? 0, "SIGKILL");
  assert.equal((await fixture.served(3))[2]?.exclusive, true);
  await until(() => Promise.resolve(keeper.alive === 1));
});

Deno.test("GatewayKeeper that ends waits for the reload that is under way, and starts nothing more", async () => {
  await using fixture = await Fixture.create(LISTENING);
  const restored = Promise.withResolvers<void>();
  let restorations = 0;
  const keeper = await fixture.start({
    restoreSocket: () => ++restorations === 1 ? Promise.resolve() : restored.promise,
  });
  let isReloaded = false;
  const reloading = keeper.reload().then(() => isReloaded = true);
  await until(() => Promise.resolve(restorations === 2));
  let isEnded = false;
  const ending = keeper[Symbol.asyncDispose]().then(() => isEnded = true);
  for (let turn = 0; turn < 500 && !isEnded; turn++) await Deno.stat(fixture.path);
  assert.equal(isEnded, false);
  restored.resolve();
  await ending;
  assert.equal(isReloaded, true);
  await reloading;
  assert.equal(keeper.alive, 0);
});

Deno.test("GatewayKeeper.start() fails with what the first gateway says, and leaves none behind", async () => {
  for (const code of ["failed_precondition", "unavailable"] as const) {
    const failed = JSON.stringify({ kind: "failed", code, message: `It is ${code}` });
    await using fixture = await Fixture.create(LISTENING, failed);
    await assert.rejects(fixture.start({ count: 2 }), { code, message: `It is ${code}` });
    const [first] = await fixture.served(2);
    const drained = (await fixture.told()).filter(({ command }) => command.kind === "drain");
    assert.deepEqual(drained.map(({ pid }) => pid), [first?.pid]);
  }
});

Deno.test("GatewayKeeper gives one that is late twice the time, up to sixteen times, and those after it as well", async () => {
  await using fixture = await Fixture.create("", "", LISTENING);
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

Deno.test("GatewayKeeper gives up one that is late for the fifth time", async () => {
  await using fixture = await Fixture.create("");
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

Deno.test("GatewayKeeper passes refusals on, and looks after the socket for who cannot reach the engine", async () => {
  const refused = JSON.stringify({ kind: "refused", refusal: REFUSAL });
  const unreachable = JSON.stringify({ kind: "unreachable" });
  await using fixture = await Fixture.create([LISTENING, refused, unreachable].join("\\n"));
  await fixture.start();
  const answers = await until(async () => {
    const found = (await fixture.told()).filter(({ command }) => command.kind === "socket");
    return found.length === 1 && found;
  });
  assert.deepEqual(answers[0]?.command, { kind: "socket", fault: null });
  assert.equal(fixture.restored, 2);
  assert.deepEqual(fixture.refusals, [REFUSAL]);
});
