import { once } from "node:events";
import { createServer } from "node:net";
import { bind } from "../../lib/net/bind.ts";
import { assert } from "../assert.ts";

const hostname = "127.0.0.1";

Deno.test("bind() says where a server listens, and leaves its later errors to others", async () => {
  const server = createServer();
  const { port, ...place } = await bind(server, { hostname, port: 0 });
  assert.deepEqual(place, { hostname });
  assert.ok(port > 0);
  assert.equal(server.listenerCount("error"), 0);
  const [first, second] = [createServer(), createServer()];
  await assert.rejects(bind(first, { hostname, port }), { code: "EADDRINUSE" });
  await once(server.close(), "close");
  assert.equal((await bind(second, { hostname, port })).port, port);
  await once(second.close(), "close");
});
