import { denyListOf } from "../../lib/auth/deny_list.ts";
import type { TlsListenerOptions } from "../../lib/grpc/tls_listener.ts";
import { assert } from "../assert.ts";
import { hasOpenConnectionTo } from "../net/open_connection.ts";
import {
  admin,
  closed,
  connect,
  fingerprintOf,
  greeting,
  TestListener,
} from "./tls_listener_fixture.ts";

// Whoever is turned away, or tests that, looks for the line about it at once.

interface Case {
  readonly options: Partial<TlsListenerOptions>;
  readonly admitted: number;
}

const CASES: Readonly<Record<string, Case>> = {
  denied: { options: { denyList: denyListOf([fingerprintOf(admin)]) }, admitted: 0 },
  too_many_connections: { options: { maxConnections: 1 }, admitted: 1 },
  too_many_connections_of_user: { options: { maxConnections: 8 }, admitted: 4 },
};

for (const [expected, { options, admitted }] of Object.entries(CASES)) {
  Deno.test(`TlsListener reports that a client is turned away before that can notice: ${expected}`, async () => {
    const reports: unknown[] = [];
    await using fixture = await TestListener.listen({
      ...options,
      onRefused: ({ reason, peer }) => reports.push([reason, hasOpenConnectionTo(peer)]),
    });
    const others = [];
    while (others.length < admitted) {
      const other = connect(fixture.port, admin);
      assert.equal(await greeting(other), "welcome");
      others.push(other);
    }
    assert.equal(await greeting(connect(fixture.port, admin)), null);
    assert.deepEqual(reports, [[expected, true]]);
    for (const other of others) await closed(other, () => other.destroy());
  });
}
