import { once } from "node:events";
import { Socket } from "node:net";
import { ConnectionCaps } from "../../lib/net/connection_caps.ts";
import { assert } from "../assert.ts";

/** A connection from there, as far as the caps look at it. */
function from(remoteAddress: string, remotePort: number): Socket {
  return Object.defineProperties(new Socket(), {
    remoteAddress: { value: remoteAddress },
    remotePort: { value: remotePort },
  });
}

async function close(socket: Socket): Promise<void> {
  const closed = once(socket, "close");
  socket.destroy();
  await closed;
}

Deno.test("ConnectionCaps counts an IPv6 network as one, and an IPv4 address by itself", async () => {
  const caps = new ConnectionCaps({ maxConnections: 100, maxConnectionsPerAddress: 2 });
  const [first, second] = [from("2001:db8:0:7::1", 1), from("2001:db8::7:0:0:0:2", 1)];
  assert.deepEqual([first, second].map((socket) => caps.admit(socket)), [true, true]);
  assert.equal(caps.admit(from("2001:db8:0:7:ffff::3", 1)), false);
  assert.equal(caps.admit(from("2001:db8:0:8::3", 1)), true);

  // The same in both forms.
  assert.equal(caps.admit(from("192.0.2.1", 1)), true);
  assert.equal(caps.admit(from("::ffff:192.0.2.1", 2)), true);
  assert.equal(caps.admit(from("192.0.2.1", 3)), false);
  assert.equal(caps.admit(from("192.0.2.2", 1)), true);

  await close(first);
  assert.equal(caps.admit(from("2001:db8:0:7::4", 1)), true);
  assert.equal(caps.admit(from("2001:db8:0:7::5", 1)), false);
});

Deno.test("ConnectionCaps ends all connections but those of some peers", async () => {
  const caps = new ConnectionCaps({ maxConnections: 2, maxConnectionsPerAddress: 2 });
  const [spared, ended] = [from("2001:db8::1", 1), from("192.0.2.1", 2)];
  for (const socket of [spared, ended]) assert.ok(caps.admit(socket));
  assert.equal(caps.admit(from("192.0.2.2", 3)), false);
  const closed = once(ended, "close");
  caps.end(new Set(["[2001:db8::1]:1"]));
  await closed;
  assert.equal(spared.destroyed, false);
  assert.equal(caps.admit(from("192.0.2.2", 3)), true);
  await close(spared);
});
