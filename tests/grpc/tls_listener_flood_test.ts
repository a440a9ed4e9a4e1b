import { assert } from "../assert.ts";
import { Flood, neighbours, networks } from "../flood.ts";
import { until } from "../worker/fixture.ts";
import { admin, closed, connect, greeting, TestListener } from "./tls_listener_fixture.ts";

const CROWDS = { "fifty networks": networks(50), "fifty neighbours": neighbours(50) };

for (const [crowd, addresses] of Object.entries(CROWDS)) {
  Deno.test(`TlsListener lets in whoever has a good certificate while ${crowd} without one keep coming`, async () => {
    await using fixture = await TestListener.listen({
      maxConnections: 256,
      maxConnectionsPerAddress: 128,
    });
    const early = connect(fixture.port, admin);
    assert.equal(await greeting(early), "welcome");
    await using _flood = await Flood.start({ port: fixture.port, addresses, connectionsOfEach: 2 });
    const refused = (reason: string) =>
      until(() => Promise.resolve(fixture.refusals.some((refusal) => refusal.reason === reason)));
    await refused("too_many_connections");
    // One from elsewhere, one that is a neighbour of those who do no good, and one of those themselves.
    for (const localAddress of ["127.200.0.1", "127.0.1.99", "127.9.9.99"]) {
      const options = { ...admin, localAddress };
      const late = connect(fixture.port, options);
      assert.equal(await greeting(late), "welcome", localAddress);
      await closed(late, () => late.destroy());
      await fixture.listener.probe();
    }
    await refused("too_many_failures");
    assert.equal(early.closed, false);
    await closed(early, () => early.destroy());
  });
}
