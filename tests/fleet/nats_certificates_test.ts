/** What is said of certificates that have expired, by real ones at a real server. */

import { connect } from "@nats-io/transport-node";
import { type CertificateRequest, issueCertificate } from "../../lib/auth/issue_certificate.ts";
import { readFleetSettings } from "../../lib/fleet/fleet_files.ts";
import { LossReport } from "../../lib/fleet/loss_report.ts";
import {
  certificateFault,
  connectNats,
  type NatsOptions,
} from "../../lib/fleet/nats_connection.ts";
import { natsConf } from "../../lib/fleet/nats_conf.ts";
import { hostInbox, hubInbox } from "../../lib/fleet/subjects.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { until } from "../worker/fixture.ts";
import { expired, hubCredentials, issuerOf } from "./dated.ts";
import { letsIn } from "./knock.ts";
import { natsTest } from "./nats_server.ts";
import { TestHub } from "./test_hub.ts";

const DAY_MS = 86_400_000;

/** The first reason why there is no connection. */
async function faultOf({ port }: TestHub, tls: NatsOptions["tls"]): Promise<string> {
  const leaving = new AbortController();
  const said = Promise.withResolvers<string>();
  const connecting = connectNats({
    ...{ servers: [`127.0.0.1:${port}`], tls, name: "test", inboxPrefix: hubInbox("hub") },
    signal: leaving.signal,
    onFault(why) {
      said.resolve(why);
      leaving.abort(new Error("The test has seen enough"));
    },
  });
  await assert.rejects(connecting, /The test has seen enough/);
  return await said.promise;
}

natsTest("Who has a certificate that has expired is told so, and not let in", async () => {
  await using hub = await TestHub.make();
  const fleet = await readFleetSettings(hub.path(""));
  const { tls } = await hubCredentials(hub, expired());
  const serverCert = await Deno.readTextFile(hub.path("nats-server-cert.pem"));
  // It is among the keys that the server knows.
  await Deno.writeTextFile(
    hub.path("nats.conf"),
    natsConf({ settings: fleet, serverCert, hubCert: tls.cert, hosts: [] }),
  );
  await using server = await hub.startNats();
  const { ca } = await hub.tls();
  assert.equal(await letsIn(server.port, { ...tls, ca }), false);
  await until(() => Promise.resolve(/certificate has expired/.test(server.log)));
  assert.match(
    await faultOf(hub, { ...tls, ca }),
    /^our certificate expired on \d{4}-.*; for a new one, see "Changing a fleet"/,
  );
});

natsTest("A server whose certificate has expired is not believed, and that is said", async () => {
  await using hub = await TestHub.make();
  const { cert, key } = await issueCertificate({
    subject: [["CN", "nats-server"]],
    usages: ["serverAuth", "clientAuth"],
    hosts: ["127.0.0.1", "localhost"],
    issuer: await issuerOf(hub),
    ...expired(),
  });
  await Deno.writeTextFile(hub.path("nats-server-cert.pem"), cert);
  await Deno.writeTextFile(hub.path("nats-server-key.pem"), key);
  await using _server = await hub.startNats();
  assert.match(
    await faultOf(hub, await hub.tls()),
    /^the certificate of nats-server has expired, or is of another CA; for a new one, see/,
  );
});

natsTest("Who is refused by an alert of TLS lives on, however often", async () => {
  await using hub = await TestHub.make();
  await using server = await hub.startNats();
  const { ca } = await hub.tls();
  await using strangers = await TestCertificates.create();
  const stranger = await strangers.issue({ subject: [["CN", "hub"]] });
  // An error that nobody handles would end this process, and comes with one in three.
  for (let times = 0; times < 30; times++) {
    const connecting = connect({
      servers: `127.0.0.1:${server.port}`,
      resolve: false,
      reconnect: false,
      tls: { ...stranger, ca },
    });
    await assert.rejects(connecting);
  }
  await until(() => Promise.resolve(/unknown authority/.test(server.log)));
});

Deno.test("certificateFault() says when a certificate is, or was, valid", async () => {
  const { cert } = await issueCertificate({
    subject: [["CN", "web-1"]],
    notBefore: new Date("2027-01-01T00:00:00Z"),
    notAfter: new Date("2028-01-01T00:00:00Z"),
  });
  const faultAt = (date: string) => certificateFault(cert, Date.parse(date));
  assert.equal(faultAt("2027-06-01"), null);
  assert.match(String(faultAt("2026-12-31")), /not valid before 2027-01-01T00:00:00/);
  assert.match(String(faultAt("2028-01-02")), /expired on 2028-01-01T00:00:00/);
});

natsTest(
  "Who is no member any more is told that its connection is lost, and no other let in",
  async () => {
    await using hub = await TestHub.make();
    const { tls, ca } = await hub.add("web-1");
    await using server = await hub.startNats();
    const connection = await connectNats({
      ...{ servers: [`127.0.0.1:${hub.port}`], tls: { ...tls, ca }, name: "test" },
      ...{ inboxPrefix: hostInbox("web-1"), signal: new AbortController().signal },
      onFault: () => {},
    });
    const losses = new LossReport(tls.cert);
    const said: (string | null)[] = [];
    const watched = (async () => {
      for await (const { type } of connection.status()) {
        if (type === "disconnect") said.push(losses.next());
      }
    })();
    await hub.remove("web-1");
    await server.reload();
    await until(() => Promise.resolve(said.length >= 2));
    await connection.close();
    await watched;
    assert.deepEqual(said.slice(0, 2), [
      "The connection to NATS is lost; connecting again",
      "nats-server does not let us in again: its log says why",
    ]);
  },
);

Deno.test("LossReport says once that a connection is lost, and once that no other is let in", async () => {
  const issue = (request: Pick<CertificateRequest, "notBefore" | "notAfter">) =>
    issueCertificate({ subject: [["CN", "web-1"]], ...request });
  const valid = {
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
  };
  const losses = new LossReport((await issue(valid)).cert);
  const said = () => [losses.next(), losses.next(), losses.next()];
  const lost = "The connection to NATS is lost; connecting again";
  const refused = "nats-server does not let us in again: its log says why";
  assert.deepEqual(said(), [lost, refused, null]);
  losses.over();
  assert.deepEqual(said(), [lost, refused, null]);
  assert.match(
    String(new LossReport((await issue(expired())).cert).next()),
    /^The connection to NATS is lost; our certificate expired on /,
  );
});
