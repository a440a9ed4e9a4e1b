import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { cannotListen, findFreePort } from "../../lib/net/free_port.ts";
import { assert } from "../assert.ts";

const hostname = "127.0.0.1";

Deno.test("findFreePort() chooses a port, or takes the one that it is given, and leaves it free", async () => {
  const port = await findFreePort({ hostname, port: 0 });
  assert.ok(port > 0);
  assert.equal(await findFreePort({ hostname, port }), port);
  Deno.listen({ hostname, port }).close();
});

Deno.test("findFreePort() refuses a port in use, even one that could be shared", async () => {
  await using server = createServer();
  server.listen({ host: hostname, port: 0, reusePort: true });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await assert.rejects(findFreePort({ hostname, port }), {
    code: "unavailable",
    reason: "EADDRINUSE",
    message: `Cannot listen on 127.0.0.1:${port}: ` +
      "the port is in use; stop what uses it, or choose another",
  });
});

Deno.test("cannotListen() tells what may pass from what somebody has to change", () => {
  const lasting = ["EACCES", "EPERM", "EAFNOSUPPORT"];
  const passing = ["EADDRINUSE", "EADDRNOTAVAIL", "EINVAL", "ENOTFOUND", "EMFILE", undefined];
  for (const reason of [...lasting, ...passing]) {
    const cause = Object.assign(new Error("listen"), { code: reason });
    const { code, message } = cannotListen({ hostname: "::1", port: 80 }, cause);
    const lasts = reason !== undefined && lasting.includes(reason);
    assert.equal(code, lasts ? "failed_precondition" : "unavailable", `${reason}`);
    assert.match(message, /^Cannot listen on \[::1\]:80: \w/);
  }
});
