import { connectNats } from "../../lib/fleet/nats_connection.ts";
import { assert } from "../assert.ts";
import { HUB_CREDENTIALS } from "./fixture.ts";

Deno.test("connectNats() ends at once when it is aborted, also while a server says nothing", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const leaving = new AbortController();
  const connecting = connectNats({
    servers: [`127.0.0.1:${listener.addr.port}`],
    tls: { ...HUB_CREDENTIALS.tls, ca: "" },
    name: "test",
    inboxPrefix: "_INBOX.test",
    signal: leaving.signal,
    onFault: () => {},
  });
  using _server = await listener.accept();
  const abortedAt = performance.now();
  leaving.abort(new Error("The hub is shutting down"));
  await assert.rejects(connecting, /The hub is shutting down/);
  // An attempt takes ten seconds.
  assert.ok(performance.now() - abortedAt < 5_000);
});
