/** What nats-server makes of the configuration, by the configuration as `init --hub` and `host` write it. */

import { connect, type NatsConnection } from "@nats-io/transport-node";
import { hostCommand } from "../../lib/daemon/host_command.ts";
import type { Door } from "../../lib/fleet/door_socket.ts";
import { readJoinFile } from "../../lib/fleet/join_file.ts";
import { callSubject, hubInbox } from "../../lib/fleet/subjects.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { freePort } from "../free_port.ts";
import { soon } from "../soon.ts";
import { until } from "../worker/fixture.ts";
import { letsIn, type Shown } from "./knock.ts";
import { startAgent } from "./nats_fixture.ts";
import { natsTest, PROGRAM, TestNatsServer } from "./nats_server.ts";
import { TestHub } from "./test_hub.ts";

/** A connection that does not come back by itself. */
async function enter(
  { port }: TestNatsServer,
  tls: Shown,
): Promise<NatsConnection & AsyncDisposable> {
  const connection = await connect({
    servers: `127.0.0.1:${port}`,
    resolve: false,
    reconnect: false,
    inboxPrefix: hubInbox("hub"),
    tls: { ...tls },
  });
  return Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() });
}

/** How the server refuses a subscription; `null` if it does not. */
async function refusedSubscription(
  connection: NatsConnection,
  subject: string,
): Promise<string | null> {
  let refusal: string | null = null;
  const subscription = connection.subscribe(subject, {
    callback: (error) => {
      refusal = error?.message ?? null;
    },
  });
  // The answer to a ping comes after that.
  await connection.flush();
  subscription.unsubscribe();
  return refusal;
}

/** How the server refuses a message, which it has to do. */
async function refusalOf(connection: NatsConnection, subject: string): Promise<string> {
  connection.publish(subject, "x");
  return await nextRefusal(connection);
}

async function nextRefusal(connection: NatsConnection): Promise<string> {
  for await (const status of connection.status()) {
    if (status.type === "error") return status.error.message;
  }
  return assert.fail("The connection has ended");
}

natsTest("A host hears its own calls, and nothing else of what passes through NATS", async () => {
  await using hub = await TestHub.make("web-1", "web-2");
  await using server = await hub.startNats();
  const { tls, ca } = await hub.add("web-3");
  await server.reload();
  await using connection = await enter(server, { ...tls, ca });
  for (const subject of ["jw.host.web-3.>", "jw.host.web-3.startJob", "jw.host.web-3.cancel"]) {
    assert.equal(await refusedSubscription(connection, subject), null, subject);
  }
  for (
    const subject of [
      ">",
      "*.>",
      "jw.>",
      "jw.host.>",
      "jw.host.*.startJob",
      "jw.host.web-1.>",
      "jw.host.web-1.startJob",
      "jw.host.web-3",
      "jw.beat.*",
      "jw.beat.web-1",
      "jw.beat.web-3",
      "_INBOX.>",
      "_INBOX.hub-hub.>",
      "_INBOX.web-1.>",
      "$SYS.>",
    ]
  ) {
    assert.match(String(await refusedSubscription(connection, subject)), /Violation/, subject);
  }
});

natsTest("A host says nothing but that it is there, and what it was asked for", async () => {
  await using hub = await TestHub.make("web-1", "web-2");
  await using server = await hub.startNats();
  const { tls, ca } = await hub.add("web-3");
  await server.reload();
  await using host = await enter(server, { ...tls, ca });
  await using ofHub = await enter(server, await hub.tls());
  const beats: string[] = [];
  ofHub.subscribe("jw.beat.*", { callback: (_, { subject }) => void beats.push(subject) });
  await ofHub.flush();
  for (
    const subject of [
      "jw.beat.web-1",
      "jw.host.web-1.startJob",
      "jw.host.web-3.startJob",
      "_INBOX.hub-hub.1",
      "$SYS.REQ.SERVER.PING",
    ]
  ) {
    const refusal = await soon(refusalOf(host, subject), () => subject);
    assert.equal(refusal, `Permissions Violation for Publish to "${subject}"`);
  }
  host.publish("jw.beat.web-3");
  await host.flush();
  await ofHub.flush();
  assert.deepEqual(beats, ["jw.beat.web-3"]);

  // It answers each call once, wherever the hub wants it to.
  host.subscribe("jw.host.web-3.>", {
    callback: (_, message) => {
      message.respond("first");
      message.respond("second");
    },
  });
  await host.flush();
  const again = soon(nextRefusal(host), () => "The second answer is refused");
  const answer = await ofHub.request(callSubject("web-3", "getJob"), "?", { timeout: 60_000 });
  assert.equal(answer.string(), "first");
  assert.match(await again, /^Permissions Violation for Publish to "_INBOX\.hub-hub\./);
});

natsTest("A hub calls hosts and hears them, and no more", async () => {
  await using hub = await TestHub.make("web-1");
  await using server = await hub.startNats();
  await using connection = await enter(server, await hub.tls());
  for (const subject of [">", "jw.host.>", "jw.host.web-1.startJob", "_INBOX.>", "$SYS.>"]) {
    assert.match(String(await refusedSubscription(connection, subject)), /Violation/, subject);
  }
  for (const subject of ["jw.beat.web-1", "jw.host.web-1", "_INBOX.web-1.1"]) {
    assert.match(await soon(refusalOf(connection, subject), () => subject), /Violation/);
  }
});

natsTest("Nobody enters but by the very keys of the hub and of its hosts", async () => {
  await using hub = await TestHub.make("web-1");
  await using server = await hub.startNats();
  const { tls, sign, ca } = await hub.add("web-2");
  await using strangers = await TestCertificates.create();
  const read = (name: string) => Deno.readTextFile(`${hub.directory}/certs/${name}`);
  const client = { cert: await read("client-cert.pem"), key: await read("client-key.pem"), ca };
  const other = await strangers.issue({ subject: [["CN", "web-1"]] });
  const cases: [string, Shown][] = [
    ["a client of the API", client],
    ["a certificate for signing", { ...sign, ca }],
    ["another CA", { ...other, ca }],
    ["a host that the server has not been told of", { ...tls, ca }],
    ["no certificate", { ca }],
  ];
  for (const [who, shown] of cases) assert.equal(await letsIn(server.port, shown), false, who);
  await server.reload();
  assert.equal(await letsIn(server.port, { ...tls, ca }), true);
  assert.equal(await letsIn(server.port, await hub.tls()), true);
});

natsTest(
  "A certificate of the CA that names no member is refused without the list of keys, too",
  async () => {
    await using hub = await TestHub.make("web-1");
    const conf = await Deno.readTextFile(hub.path("nats.conf"));
    const config = hub.path("without-pins.conf");
    await Deno.writeTextFile(config, conf.replace(/pinned_certs: \[[^\]]*\]/, ""));
    await using server = await TestNatsServer.start({ config });
    assert.equal(await letsIn(server.port, await hub.tls()), true);
    for (const name of ["client", "operator", "server"]) {
      const read = (kind: string) =>
        Deno.readTextFile(`${hub.directory}/certs/${name}-${kind}.pem`);
      const shown = { ...await hub.tls(), cert: await read("cert"), key: await read("key") };
      assert.equal(await letsIn(server.port, shown), false, name);
    }
    const { sign, ca } = await hub.add("web-2");
    await server.reload();
    assert.equal(await letsIn(server.port, { ...sign, ca }), false);
  },
);

natsTest("nats-server lets a host in after the command that host add prints", async () => {
  await using hub = await TestHub.make();
  await using server = await hub.startNats();
  const out = hub.joinPath("web-1");
  const line = ["add", "web-1", "--slots=1", `--dir=${hub.directory}`, `--out=${out}`];
  const [, next = ""] = /^Next: (.*?) {4}/m.exec(await hostCommand(line)) ?? [];
  const { tls, ca } = await readJoinFile(out);
  assert.equal(await letsIn(server.port, { ...tls, ca }), false);
  const reloaded = server.reloaded();
  const { success } = await new Deno.Command("sh", {
    args: ["-c", next.replace("nats-server", '"$0"'), PROGRAM ?? ""],
  }).output();
  assert.ok(success, next);
  await reloaded;
  assert.equal(await letsIn(server.port, { ...tls, ca }), true);
});

natsTest("Adding and removing a host disturbs no other", async () => {
  await using hub = await TestHub.make("web-1");
  await using server = await hub.startNats();
  const { tls, ca } = await hub.add("web-2");
  await server.reload();
  await using ofHub = await enter(server, await hub.tls());
  await using host = await enter(server, { ...tls, ca });
  host.subscribe("jw.host.web-2.>", { callback: (_, message) => void message.respond("here") });
  await host.flush();
  const calls = async () => {
    const { data } = await ofHub.request(callSubject("web-2", "getJob"), "?", { timeout: 60_000 });
    assert.equal(new TextDecoder().decode(data), "here");
  };
  await calls();
  const added = await hub.add("web-3");
  await server.reload();
  await using third = await enter(server, { ...added.tls, ca });
  await calls();

  await hub.remove("web-3");
  await server.reload();
  await soon(third.closed(), () => "The host that was removed is shown out");
  assert.equal(await letsIn(server.port, { ...added.tls, ca }), false);
  await calls();
  assert.deepEqual([host.isClosed(), ofHub.isClosed()], [false, false]);

  // The name is free again, and the old keys are of no use for it.
  await Deno.remove(hub.joinPath("web-3"));
  const again = await hub.add("web-3");
  await server.reload();
  assert.equal(await letsIn(server.port, { ...added.tls, ca }), false);
  await using _third = await enter(server, { ...again.tls, ca });
  await calls();
});

natsTest(
  "An agent does not answer calls that came by a connection that was lost since",
  async () => {
    await using hub = await TestHub.make();
    const { tls, ca } = await hub.add("web-1");
    await using server = await hub.startNats();
    const come = Promise.withResolvers<void>();
    const cancelled = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
    const faults: unknown[] = [];
    const door: Door = {
      answer(method, _bytes, signal) {
        if (method === "getJob") return Promise.resolve(new TextEncoder().encode("here"));
        signal.addEventListener("abort", () => cancelled.resolve(), { once: true });
        come.resolve();
        return answered.promise;
      },
    };
    await using _agent = await startAgent(server, "web-1", door, {
      tls: { ...tls, ca },
      onFault: (error) => faults.push(error),
    });
    await using first = await enter(server, await hub.tls());
    first.request(callSubject("web-1", "waitJob"), "?", { timeout: 60_000 }).catch(() => {});
    await soon(come.promise, () => "the call");
    await server.kill();
    await server.restart();
    await using second = await enter(server, await hub.tls());
    const ask = () => second.request(callSubject("web-1", "getJob"), "?", { timeout: 10_000 });
    await until(() => ask().catch(() => undefined));
    answered.resolve(new Uint8Array(1));
    await soon(cancelled.promise, () => "the end of the call at the host");
    // What the server says of an answer comes before the next call.
    for (let asked = 0; asked < 2; asked++) assert.equal((await ask()).string(), "here");
    assert.deepEqual(faults, []);
  },
);

natsTest("Several servers are one, and let in no other by their ports for each other", async () => {
  await using hub = await TestHub.makeWith("--nats=localhost:4222");
  const { tls, ca } = await hub.add("web-1");
  const conf = await Deno.readTextFile(hub.path("nats.conf"));
  assert.match(conf, /"tls:\/\/127\.0\.0\.1:6222"\n {4}"tls:\/\/localhost:6222"\n/);
  // On one machine each needs a port of its own.
  const ports = [freePort(), freePort()];
  await using resources = new AsyncDisposableStack();
  const servers: TestNatsServer[] = [];
  for (const port of ports) {
    const config = hub.path(`${port}.conf`);
    await Deno.writeTextFile(
      config,
      conf.replace("0.0.0.0:6222", `127.0.0.1:${port}`)
        .replace("127.0.0.1:6222", `127.0.0.1:${ports[0]}`)
        .replace("localhost:6222", `localhost:${ports[1]}`),
    );
    servers.push(resources.use(await TestNatsServer.start({ config })));
  }
  const [one, other] = servers;
  assert.ok(one && other);
  await using ofHub = await enter(one, await hub.tls());
  await using host = await enter(other, { ...tls, ca });
  host.subscribe("jw.host.web-1.>", { callback: (_, message) => void message.respond("here") });
  await host.flush();
  // The servers tell each other who listens to what.
  const answer = await until(() =>
    ofHub.request(callSubject("web-1", "getJob"), "?", { timeout: 10_000 }).catch(() => undefined)
  );
  assert.equal(answer.string(), "here");
  assert.doesNotMatch(one.log, /not pinned/);
  assert.equal(await letsIn(ports[0] ?? 0, { ...tls, ca }, { isRoute: true }), false);
  await until(() => Promise.resolve(/TLS route handshake error: .*not pinned/.test(one.log)));
});
