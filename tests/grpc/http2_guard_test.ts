import http2 from "node:http2";
import { assert } from "../assert.ts";
import "../../lib/grpc/grpc.ts";

Deno.test("a server survives 1500 short TLS connections one after the other", async () => {
  const { success, code, signal, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", new URL("many_connections.ts", import.meta.url).pathname],
    // Freed memory is overwritten at once (mallopt(3)): whatever still uses it fails each time, and
    // not only when the memory has found another use.
    env: { MALLOC_PERTURB_: "165" },
    stdout: "null",
  }).output();
  assert.ok(success, `code ${code}, signal ${signal}: ${new TextDecoder().decode(stderr)}`);
});

Deno.test("the guard closes sessions a tick later, and tells every callback", async () => {
  const server = http2.createServer();
  await new Promise<void>((resolve) => void server.listen(0, resolve));
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const session = http2.connect(`http://localhost:${address.port}`);
  await new Promise((resolve) => session.once("remoteSettings", resolve));

  const closed = [1, 2].map(() => new Promise<void>((resolve) => session.close(resolve)));
  assert.equal(session.closed, false);
  await Promise.all(closed);
  assert.equal(session.closed, true);
  await new Promise((resolve) => server.close(resolve));
});
