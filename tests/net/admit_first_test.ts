import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import * as tls from "node:tls";
import { admitFirst } from "../../lib/net/admit_first.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";

Deno.test("admitFirst() keeps from a TLS server what is not admitted, and from nobody else what arrives", async () => {
  await using certificates = await TestCertificates.create();
  const server = tls.createServer(await certificates.material("server"));
  const errors: Error[] = [];
  server.on("tlsClientError", (error) => errors.push(error));
  server.on("secureConnection", (socket) => socket.end("welcome"));
  let admits = false;
  admitFirst(server, (socket) => {
    if (!admits) socket.destroy();
    return admits;
  });
  let arrivals = 0;
  server.prependListener("connection", () => arrivals++);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;

  const refused = connect({ host: "127.0.0.1", port });
  const closed = new Promise<void>((resolve) => refused.once("close", () => resolve()));
  refused.on("error", () => {});
  refused.resume();
  await closed;
  admits = true;
  const admitted = tls.connect({ host: "127.0.0.1", port, ca: certificates.ca.cert });
  const [greeting] = await once(admitted, "data");
  assert.equal(String(greeting), "welcome");
  await once(admitted.end(), "close");
  await once(server.close(), "close");
  // A TLS server tells of one that it was given closed.
  assert.deepEqual(errors, []);
  assert.equal(arrivals, 2);
});
