import { GatewayProcess } from "../../lib/daemon/gateway_process.ts";
import type { GatewayOptions } from "../../lib/daemon/gateway_protocol.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

/**
 * Answers pings for as long as there is no file `mute`, and lets itself be drained if there is `meek`. It is busy
 * before it answers while there is `busy`, and says what is in `ill`. With `idle` nobody uses it, and with `used`
 * somebody comes just after it has said so.
 */
const GATEWAY = `#!/bin/sh
cd "\${0%/*}"
while read -r line; do
  printf '%s\\n' "$line" >>told
  case $line in
    *'"serve"'*) echo "$1";;
    *'"ping"'*)
      id=\${line##*:} fault=null idle=false
      while [ -e busy ]; do :; done
      [ ! -e ill ] || read -r fault <ill
      [ ! -e idle ] || idle=true
      [ -e mute ] || echo '{"kind":"pong","fault":'"$fault"',"isIdle":'$idle',"id":'"$id"
      [ ! -e used ] || echo '{"kind":"used"}';;
    *'"sessions"'*)
      while [ -e busy ]; do :; done
      echo '{"kind":"informed"}';;
    *'"drain"'*) [ ! -e meek ] || exit 0;;
  esac
done
`;

const address = { hostname: "127.0.0.1", port: 4711 };
const LISTENING = JSON.stringify({ kind: "listening", address, restAddress: null });

const OPTIONS: GatewayOptions = {
  address,
  restAddress: null,
  inherited: { grpc: null, rest: null },
  publicOrigins: [],
  credentials: {
    certPath: "",
    cert: "",
    key: "",
    ca: "",
    notAfter: 0,
    denyList: [],
    users: null,
  },
  socket: "",
  maxConnections: 1,
  maxConnectionsPerAddress: 1,
  maxCalls: 17,
  exclusive: false,
  slowness: 1,
  debug: false,
  journal: false,
};

const FOR_EVER = new AbortController().signal;

/** A gateway whose timers the test lets run out. */
class Fixture implements AsyncDisposable {
  readonly timers = new FakeTimers();
  readonly gateway: GatewayProcess;
  readonly path: string;
  /** Why it ended; `null` if it has not. */
  end: string | null = null;
  readonly #directory: AsyncDisposable;

  private constructor(directory: AsyncDisposable & { readonly path: string }) {
    this.path = directory.path;
    this.#directory = directory;
    this.gateway = new GatewayProcess({
      onSession: () => {},
      setsid: "/usr/bin/setsid",
      argv: [`${this.path}/gateway`, LISTENING],
      onRefused: () => assert.fail(),
      restoreSocket: () => assert.fail(),
    });
    void this.gateway.ended.then((why) => this.end = why);
  }

  static async create(...files: readonly string[]): Promise<Fixture> {
    const directory = await temporaryDirectory();
    await Deno.writeTextFile(`${directory.path}/gateway`, GATEWAY, { mode: 0o700 });
    for (const name of files) await Deno.writeTextFile(`${directory.path}/${name}`, "");
    return new Fixture(directory);
  }

  /** Waits for a condition, by a clock that the test has not stopped. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!await condition()) {
      assert.ok(Date.now() < deadline, `Still not so: ${condition}`);
      await Deno.stat(this.path);
    }
  }

  /** Waits until it was told something so often. */
  async told(kind: string, times: number): Promise<void> {
    await this.until(async () => {
      const text = await Deno.readTextFile(`${this.path}/told`).catch(() => "");
      return text.split(`"kind":"${kind}"`).length > times;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.gateway.kill("The test is over");
    await this.gateway.ended;
    this.timers[Symbol.dispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}

Deno.test("GatewayProcess pings every three seconds, and kills a gateway that is silent for too long", async () => {
  for (const slowness of [1, 4]) {
    await using test = await Fixture.create("meek");
    const { gateway, timers } = test;
    assert.deepEqual((await gateway.serve({ ...OPTIONS, slowness }, FOR_EVER)).address, address);
    for (let asked = 1; asked <= 3; asked++) {
      // The time to answer is over with the answer.
      await test.until(() => timers.pending === 1 && timers.next === 3_000);
      if (asked === 3) await Deno.writeTextFile(`${test.path}/mute`, "");
      timers.pass(3_000);
      await test.told("ping", asked);
    }
    assert.equal(timers.next, 5_000 * slowness);
    timers.pass(5_000 * slowness - 1);
    assert.equal(gateway.wasUnwell, false);
    timers.pass(1);
    // It waits for its next line, but may have had to do with the last one for a while.
    await test.until(() => {
      if (timers.pending === 1 && timers.next === 1_000) timers.pass(1_000);
      return test.end !== null;
    });
    assert.equal(await gateway.ended, "it does not answer");
    assert.equal(gateway.wasUnwell, true);
    assert.equal(timers.pending, 0);
  }
});

Deno.test("GatewayProcess leaves a gateway that nobody uses alone for a minute, or until somebody comes", async () => {
  await using test = await Fixture.create("meek", "idle");
  const { gateway, timers } = test;
  await gateway.serve(OPTIONS, FOR_EVER);
  timers.pass(3_000);
  for (let asked = 1; asked <= 2; asked++) {
    await test.told("ping", asked);
    await test.until(() => timers.pending === 1 && timers.next === 57_000);
    timers.pass(57_000);
    await test.until(() => timers.pending === 1 && timers.next === 3_000);
    if (asked === 2) await Deno.writeTextFile(`${test.path}/used`, "");
    timers.pass(3_000);
  }
  await test.told("ping", 3);
  await test.until(() => timers.pending === 1 && timers.next === 3_000);
  await gateway.drain(0);
  assert.equal(timers.pending, 0);
});

Deno.test("GatewayProcess has patience with a gateway that is busy, and not for ever", async () => {
  for (const ends of [true, false]) {
    await using test = await Fixture.create("meek", "busy");
    const { gateway, timers } = test;
    await gateway.serve(OPTIONS, FOR_EVER);
    timers.pass(3_000);
    await test.told("ping", 1);
    timers.pass(5_000);
    const looks = ends ? 29 : 30;
    for (let look = 0; look < looks; look++) {
      await test.until(() => timers.pending === 1 && timers.next === 1_000);
      timers.pass(1_000);
    }
    if (ends) {
      await Deno.remove(`${test.path}/busy`);
      await test.until(() => timers.pending === 1 && timers.next === 3_000);
      assert.deepEqual([test.end, gateway.wasUnwell], [null, false]);
      await gateway.drain(0);
    } else {
      assert.equal(await gateway.ended, "it does not answer, busy as it is");
      assert.equal(gateway.wasUnwell, true);
    }
  }
});

Deno.test("GatewayProcess asks a gateway twice that is not well before it kills it", async () => {
  await using test = await Fixture.create("meek");
  const { gateway, timers } = test;
  await gateway.serve(OPTIONS, FOR_EVER);
  await test.until(() => timers.pending === 1);
  await Deno.writeTextFile(`${test.path}/ill`, '"no connection arrives"\n');
  timers.pass(3_000);
  assert.equal(await gateway.ended, "no connection arrives");
  assert.equal((await Deno.readTextFile(`${test.path}/told`)).split('"ping"').length - 1, 2);
});

Deno.test("GatewayProcess.drain() gives it the time that calls get and eight seconds more, unasked", async () => {
  // A ping may be under way.
  for (const asked of [false, true]) {
    await using test = await Fixture.create("mute");
    const { gateway, timers } = test;
    await gateway.serve(OPTIONS, FOR_EVER);
    await test.until(() => timers.pending === 1);
    if (asked) {
      timers.pass(3_000);
      await test.told("ping", 1);
    }
    const draining = gateway.drain(60_000);
    await test.told("drain", 1);
    for (const ms of [5_000, 60_000 + 8_000 - 5_000 - 1]) {
      timers.pass(ms);
      await test.until(() => timers.pending === 1);
    }
    assert.deepEqual([test.end, timers.next, gateway.wasUnwell], [null, 1, false]);
    timers.pass(1);
    await draining;
    assert.deepEqual([await gateway.ended, timers.pending], ["it did not drain in time", 0]);
  }
});

Deno.test("GatewayProcess.tellSessions() waits until it knows, and then tells the last list of those that came meanwhile", async () => {
  await using test = await Fixture.create("busy");
  const { gateway } = test;
  await gateway.serve(OPTIONS, FOR_EVER);
  const settled: string[] = [];
  const tell = async (key: string) => {
    await gateway.tellSessions({ key, list: [] });
    settled.push(key);
  };
  const first = tell("first");
  await test.told("sessions", 1);
  const later = ["second", "third", "last"].map(tell);
  assert.deepEqual(settled, []);
  await Deno.remove(`${test.path}/busy`);
  await Promise.all([first, ...later]);
  const told = (await Deno.readTextFile(`${test.path}/told`)).match(/(?<="key":")\w+/g);
  assert.deepEqual(told?.slice(-2), ["first", "last"]);
  assert.equal(settled[0], "first");
});

Deno.test("GatewayProcess.tellSessions() waits for no gateway that has ended", async () => {
  await using test = await Fixture.create("busy");
  const told = test.gateway.tellSessions({ key: "", list: [] });
  test.gateway.kill("Enough");
  await told;
});

Deno.test("GatewayProcess.serve() serves nobody once the daemon is shutting down", async () => {
  await using test = await Fixture.create();
  const serving = test.gateway.serve(OPTIONS, AbortSignal.abort(new Error("Enough")));
  await assert.rejects(serving, {
    code: "unavailable",
    message: "The gateway has ended: the daemon is shutting down",
  });
  await test.gateway.ended;
  assert.equal(test.timers.pending, 0);
});

Deno.test("GatewayProcess.drain() gives calls their time, and eight seconds to close", async () => {
  using timers = new FakeTimers();
  const gateway = new GatewayProcess({
    onSession: () => {},
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

Deno.test("GatewayProcess tells the first reason for which it was killed", async () => {
  const gateway = new GatewayProcess({
    onSession: () => {},
    setsid: "/usr/bin/setsid",
    argv: ["cat"],
    onRefused: () => {},
    restoreSocket: () => Promise.resolve(),
  });
  gateway.kill("The first reason");
  gateway.kill("The second one");
  assert.equal(await gateway.ended, "The first reason");
});
