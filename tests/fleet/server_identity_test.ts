/** Whether a server is the one that was looked for, by real certificates at a real nats-server. */

import { issueCertificate } from "../../lib/auth/issue_certificate.ts";
import { connectNats } from "../../lib/fleet/nats_connection.ts";
import { hubInbox } from "../../lib/fleet/subjects.ts";
import { assert } from "../assert.ts";
import { issuerOf } from "./dated.ts";
import { natsTest, type TestNatsServer } from "./nats_server.ts";
import { TestHub } from "./test_hub.ts";

const DAY_MS = 86_400_000;

/** Starts the nats-server of a hub with a certificate for these names and addresses. */
async function startNats(hub: TestHub, hosts: readonly string[]): Promise<TestNatsServer> {
  const { cert, key } = await issueCertificate({
    subject: [["CN", "nats-server"]],
    usages: ["serverAuth", "clientAuth"],
    hosts,
    issuer: await issuerOf(hub),
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
  });
  await Deno.writeTextFile(hub.path("nats-server-cert.pem"), cert);
  await Deno.writeTextFile(hub.path("nats-server-key.pem"), key);
  return await hub.startNats();
}

/** By which of these names and addresses of its server a hub connects; if it does not, why. */
async function connects(hub: TestHub, ...hosts: readonly string[]): Promise<string> {
  const leaving = new AbortController();
  let fault = "";
  try {
    await using connection = await connectNats({
      servers: hosts.map((host) => `${host}:${hub.port}`),
      tls: await hub.tls(),
      ...{ name: "test", inboxPrefix: hubInbox("hub"), signal: leaving.signal },
      onFault(why) {
        fault = why;
        leaving.abort(new Error("The test has seen enough"));
      },
    });
    return connection.getServer();
  } catch (error) {
    if (fault === "") throw error;
    return fault;
  }
}

const REFUSED = /^the certificate of nats-server is not for the name or address by which it is/;

natsTest("A server whose certificate is for localhost is not believed at an address", async () => {
  await using hub = await TestHub.make();
  await using _server = await startNats(hub, ["localhost"]);
  assert.match(await connects(hub, "127.0.0.1"), REFUSED);
  assert.equal(await connects(hub, "localhost"), `localhost:${hub.port}`);
});

natsTest("Of several servers each is held to its own name or address", async () => {
  await using hub = await TestHub.make();
  await using _server = await startNats(hub, ["127.0.0.1"]);
  assert.match(await connects(hub, "localhost"), REFUSED);
  const address = `127.0.0.1:${hub.port}`;
  assert.equal(await connects(hub, "127.0.0.1"), address);
  assert.equal(await connects(hub, "localhost", "127.0.0.1"), address);
});
