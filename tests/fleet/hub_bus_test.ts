/** A hub and the agent of a host at a real server, each with its own certificate. */

import { serveHost } from "../../lib/fleet/agent.ts";
import type { DoorAnswer } from "../../lib/fleet/door_socket.ts";
import { HubBus } from "../../lib/fleet/hub_bus.ts";
import { connectNats } from "../../lib/fleet/nats_connection.ts";
import { Presence } from "../../lib/fleet/presence.ts";
import { hostInbox } from "../../lib/fleet/subjects.ts";
import { HOST_SILENT } from "../../lib/fleet/unanswered.ts";
import { assert } from "../assert.ts";
import { TcpProxy } from "../end_to_end/proxy.ts";
import { soon } from "../soon.ts";
import { until } from "../worker/fixture.ts";
import { natsTest } from "./nats_server.ts";
import { TestHub } from "./test_hub.ts";

const HOST = "web-1";

/** An agent with an engine that answers a call when it is told to, or learns that nobody waits any more. */
async function startAgent(files: TestHub, server = `127.0.0.1:${files.port}`) {
  const { tls, ca } = await files.joined(HOST);
  const ending = new AbortController();
  const { signal } = ending;
  const connection = await connectNats({
    ...{ servers: [server], tls: { ...tls, ca }, name: HOST },
    ...{ inboxPrefix: hostInbox(HOST), signal, onFault: () => {} },
  });
  const come = Promise.withResolvers<void>();
  const left = Promise.withResolvers<null>();
  const answer = Promise.withResolvers<DoorAnswer>();
  let calls = 0;
  const door = {
    ended: new Promise<void>(() => {}),
    call(_method: string, _bytes: Uint8Array, call: AbortSignal): Promise<DoorAnswer | null> {
      calls++;
      come.resolve();
      call.addEventListener("abort", () => left.resolve(null), { once: true });
      return Promise.race([answer.promise, left.promise]);
    },
  };
  const faults: unknown[] = [];
  const serving = serveHost(connection, door, {
    ...{ host: HOST, signal, onConnected: () => {}, onFault: (error) => faults.push(error) },
  });
  return {
    ...{ faults, come: come.promise, left: left.promise },
    calls: () => calls,
    /** Waits until the server has what it has said. */
    hasBeaten: () => connection.flush(),
    answer: () => answer.resolve({ kind: "answer", bytes: new Uint8Array(1) }),
    async [Symbol.asyncDispose]() {
      ending.abort();
      await serving;
    },
  };
}

/**
 * A server, a hub that knows the host, and what it has heard of that.
 *
 * @param before what is there before the hub
 */
async function openFleet(before: (files: TestHub) => Promise<void> = () => Promise.resolve()) {
  await using resources = new AsyncDisposableStack();
  const files = resources.use(await TestHub.make(HOST));
  const server = resources.use(await files.startNats());
  await before(files);
  const lives = new Set<string>();
  const gone: string[] = [];
  const connected = Promise.withResolvers<void>();
  const presence = resources.use(
    new Presence({
      ...{ onOffline: () => {}, onOnline: () => {} },
      onReplaced: (host, error) => bus.drop(host, error),
    }),
  );
  presence.add(HOST, null);
  const bus = resources.use(
    new HubBus({
      ...{ servers: [`127.0.0.1:${files.port}`], tls: await files.tls(), hub: "hub" },
      onBeat(host, life) {
        lives.add(life);
        presence.beat(host, life);
      },
      onSilent: (host) => void gone.push(host),
      onConnected: () => connected.resolve(),
      onFault: () => {},
    }),
  );
  // A beat that comes before is not heard.
  await connected.promise;
  const held = resources.move();
  return {
    ...{ files, server, lives, gone },
    /** Waits until the host has said something for so many times in another life. */
    heard: (count: number) => until(() => Promise.resolve(lives.size === count)),
    /** Makes a call. */
    async call() {
      const { signal } = new AbortController();
      const options = { signal, timeoutMs: 3_600_000 };
      return await bus.request(HOST, "waitJob", new Uint8Array(1), options);
    },
    /** Makes a call that is not answered, and waits until it ends. */
    async dropped() {
      await assert.rejects(soon(this.call(), () => "its end"), { reason: HOST_SILENT });
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

natsTest("A call ends as soon as there is another agent than the one that has it", async () => {
  await using fleet = await openFleet();
  await using gone = await startAgent(fleet.files);
  await fleet.heard(1);
  const dropped = fleet.dropped();
  await soon(gone.come, () => "the call");
  await gone[Symbol.asyncDispose]();
  await using _agent = await startAgent(fleet.files);
  await dropped;
});

natsTest("Of two hubs of one name each gets the answers to its own calls", async () => {
  await using fleet = await openFleet();
  await using agent = await startAgent(fleet.files);
  const connected = Promise.withResolvers<void>();
  await using other = new HubBus({
    ...{ servers: [`127.0.0.1:${fleet.files.port}`], tls: await fleet.files.tls(), hub: "hub" },
    ...{ onBeat: () => {}, onSilent: () => {}, onFault: () => {} },
    onConnected: () => connected.resolve(),
  });
  await connected.promise;
  const { signal } = new AbortController();
  const call = fleet.call();
  await soon(agent.come, () => "the first call");
  const options = { signal, timeoutMs: 10_000 };
  const second = other.request(HOST, "waitJob", new Uint8Array(1), options);
  await until(() => Promise.resolve(agent.calls() === 2));
  agent.answer();
  assert.deepEqual(await Promise.all([call, second]), [new Uint8Array(1), new Uint8Array(1)]);
});

natsTest("A hub that has just started knows which agent has a call from the call on", async () => {
  await using resources = new AsyncDisposableStack();
  const agents: Awaited<ReturnType<typeof startAgent>>[] = [];
  await using fleet = await openFleet(async (files) => {
    const agent = resources.use(await startAgent(files));
    agents.push(agent);
    await agent.hasBeaten();
  });
  const [gone = assert.fail("No agent")] = agents;
  assert.equal(fleet.lives.size, 0);
  const dropped = fleet.dropped();
  await soon(gone.come, () => "the call");
  await gone[Symbol.asyncDispose]();
  await using _agent = await startAgent(fleet.files);
  await dropped;
});

natsTest("An agent that ends says so, though nobody asks for its host", async () => {
  await using fleet = await openFleet();
  await using agent = await startAgent(fleet.files);
  await fleet.heard(1);
  assert.deepEqual(fleet.gone, []);
  await agent[Symbol.asyncDispose]();
  await until(() => Promise.resolve(fleet.gone.length > 0));
  assert.deepEqual(fleet.gone, [HOST]);
});

natsTest(
  "A call ends as soon as the agent has another connection than the one it came by",
  async () => {
    await using fleet = await openFleet();
    await using proxy = TcpProxy.listen(fleet.files.port);
    await using agent = await startAgent(fleet.files, proxy.address);
    await fleet.heard(1);
    const dropped = fleet.dropped();
    await soon(agent.come, () => "the call");
    proxy.breakAll();
    await dropped;
    await soon(agent.left, () => "the end of the call at the host");
  },
);

natsTest(
  "A call ends whose answer the server refuses, because it has read its configuration again",
  async () => {
    await using fleet = await openFleet();
    await using agent = await startAgent(fleet.files);
    await fleet.heard(1);
    const dropped = fleet.dropped();
    await soon(agent.come, () => "the call");
    await fleet.files.add("web-2");
    await fleet.server.reload();
    agent.answer();
    await dropped;
    assert.deepEqual(agent.faults, []);
  },
);
