import { GatewayProcess } from "../../lib/daemon/gateway_process.ts";
import { readCredentials } from "../../lib/daemon/credentials.ts";
import type { Refusal } from "../../lib/service/audit.ts";
import { assert } from "../assert.ts";
import { processStat, until } from "../worker/fixture.ts";
import { BOUND, FILES, GATEWAY_OPTIONS, LISTENING, TestKeeper } from "./gateway_keeper_fixture.ts";

const REFUSAL: Refusal = {
  method: "connect",
  peer: "192.0.2.1:1",
  user: "",
  fingerprint: "",
  why: "No client certificate was given",
  unreported: 0,
};

Deno.test("GatewayKeeper.start() hands all on: the first gateway has the port alone, the others share it", async () => {
  await using fixture = await TestKeeper.create(LISTENING);
  const keeper = await fixture.start({ count: 3 });
  assert.deepEqual(keeper.addresses, BOUND);
  assert.equal(keeper.alive, 3);
  const [first, ...others] = await fixture.served(3);
  assert.ok(first !== undefined);
  const { pid: _pid, ...options } = first;
  const credentials = await readCredentials(FILES);
  assert.deepEqual(options, { ...GATEWAY_OPTIONS, credentials, exclusive: true, slowness: 1 });
  for (const { pid: _, ...other } of others) {
    assert.deepEqual(other, { ...options, ...BOUND, exclusive: false });
  }
  assert.equal(fixture.restored, 3, "Before each the socket is looked after");
});

Deno.test("GatewayKeeper.reload() replaces each gateway once, one reload after the other, and lets calls end", async () => {
  await using fixture = await TestKeeper.create(LISTENING);
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

Deno.test("GatewayKeeper replaces a gateway that dies, again and again, at the same address", async () => {
  await using fixture = await TestKeeper.create(LISTENING);
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

Deno.test("GatewayKeeper replaces one of two gateways that dies by one that shares the port", async () => {
  await using fixture = await TestKeeper.create(LISTENING);
  const keeper = await fixture.start({ count: 2 });
  const [, second] = await fixture.served(2);
  Deno.kill(second?.pid ?? 0, "SIGKILL");
  assert.equal((await fixture.served(3)).at(-1)?.exclusive, false);
  await until(() => Promise.resolve(keeper.alive === 2));
});

Deno.test("GatewayKeeper lets a new gateway share the port with an old one that drains, and then no more", async () => {
  await using fixture = await TestKeeper.create(LISTENING);
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
  await using fixture = await TestKeeper.create(LISTENING);
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

Deno.test("GatewayKeeper has a gateway look for strangers at its port once all before it have drained", async () => {
  await using fixture = await TestKeeper.create(LISTENING);
  const keeper = await fixture.start();
  const [first] = await fixture.served(1);
  await keeper.reload();
  await until(async () => await processStat(first?.pid ?? 0) === null);
  Deno.kill((await fixture.served(2))[1]?.pid ?? 0, "SIGKILL");
  assert.equal((await fixture.served(3))[2]?.exclusive, true);
  await until(() => Promise.resolve(keeper.alive === 1));
});

Deno.test("GatewayKeeper that ends waits for the reload that is under way, and starts nothing more", async () => {
  await using fixture = await TestKeeper.create(LISTENING);
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

Deno.test("GatewayKeeper passes refusals on, and restores the socket for a gateway that cannot reach the engine", async () => {
  const refused = JSON.stringify({ kind: "refused", refusal: REFUSAL });
  const unreachable = JSON.stringify({ kind: "unreachable" });
  await using fixture = await TestKeeper.create([LISTENING, refused, unreachable].join("\\n"));
  await fixture.start();
  const answers = await until(async () => {
    const found = (await fixture.told()).filter(({ command }) => command.kind === "socket");
    return found.length === 1 && found;
  });
  assert.deepEqual(answers[0]?.command, { kind: "socket", fault: null });
  assert.equal(fixture.restored, 2);
  assert.deepEqual(fixture.refusals, [REFUSAL]);
});
