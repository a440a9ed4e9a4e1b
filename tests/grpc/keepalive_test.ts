import { JobWorkerError } from "../../lib/errors.ts";
import { Channel } from "../../lib/grpc/channel.ts";
import { endpointOf } from "../../lib/grpc/endpoint.ts";
import { KEEPALIVE, keepaliveOptions } from "../../lib/grpc/protocol.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";
import { until } from "../worker/fixture.ts";
import { TestCertificates } from "../certificates.ts";
import { batchOf, TestServer } from "./fixture.ts";
import { ACK, callFrames, FRAME, frameOf, RawHttp2 } from "./raw_http2.ts";

Deno.test("a follower whose peer no longer answers is let go of", async () => {
  const following = Promise.withResolvers<AbortSignal>();
  const ended = Promise.withResolvers<unknown>();
  await using server = await TestServer.start({
    async *streamLogs(_request, { signal }) {
      following.resolve(signal);
      yield batchOf(0, new Uint8Array(1));
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      ended.resolve(signal.reason);
    },
  }, { keepalive: { timeMs: 10, timeoutMs: 1000 } });
  using raw = await RawHttp2.connect(server);
  await raw.send(...callFrames("StreamLogs", 1));
  const signal = await following.promise;

  for (let answers = 0; answers < 3; answers++) {
    const ping = await raw.receiveOnly(FRAME.ping);
    assert.ok(ping);
    await raw.send(frameOf(FRAME.ping, 0, ping.payload, ACK));
  }
  assert.ok(await raw.receiveOnly(FRAME.ping));
  assert.equal(signal.aborted, false);

  assert.equal(await raw.receiveOnly(FRAME.ping), null);
  const reason = await ended.promise;
  assert.ok(reason instanceof JobWorkerError);
  assert.equal(reason.code, "cancelled");
  await until(() => Promise.resolve(server.connections === 0));
  assert.deepEqual(server.faults, []);
});

Deno.test("both sides notice within 40 s that the other one has vanished", async () => {
  assert.deepEqual(KEEPALIVE, { timeMs: 30_000, timeoutMs: 10_000 });
  await using certificates = await TestCertificates.create();
  const material = await certificates.material("client");
  using channel = new Channel(endpointOf("localhost:1", material), { connectTimeoutMs: 0 });
  // A public method of grpc-js, but not of its types.
  const inner: unknown = Reflect.get(channel.client.getChannel(), "internalChannel");
  const options = Reflect.get(Object(inner), "options");
  for (const [name, value] of Object.entries(keepaliveOptions(KEEPALIVE))) {
    assert.equal(options[name], value);
  }
});

Deno.test("a silent peer is asked in time, however long it then has to answer", async () => {
  await using server = await TestServer.start({
    async *streamLogs(_request, { signal }) {
      yield batchOf(0, new Uint8Array(1));
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  }, { keepalive: { timeMs: 10, timeoutMs: 3_600_000 } });
  using raw = await RawHttp2.connect(server);
  await raw.send(...callFrames("StreamLogs", 1));
  for (let asked = 0; asked < 2; asked++) {
    const ping = await soon(raw.receiveOnly(FRAME.ping), () => "the peer to be asked");
    assert.ok(ping);
    await raw.send(frameOf(FRAME.ping, 0, ping.payload, ACK));
  }
});
