import { assert } from "../assert.ts";
import { Channel } from "../../lib/grpc/channel.ts";
import { streamCall, unaryCall } from "../../lib/grpc/client_call.ts";
import { endpointOf } from "../../lib/grpc/endpoint.ts";
import { Health } from "../../lib/grpc/health.ts";
import { HEALTH } from "../../lib/grpc/protocol.ts";
import type { ServerCalls } from "../../lib/grpc/server_call.ts";
import { soon } from "../soon.ts";
import { until } from "../worker/fixture.ts";
import { TestServer } from "./fixture.ts";

const FOREVER = { deadline: Infinity };

async function openChannel(server: TestServer): Promise<Channel> {
  // No role is needed to ask: a certificate without one will do.
  const { ca } = await server.certificates.material("client");
  const { cert, key } = await server.certificates.issue({ subject: [["CN", "prober"]] });
  const endpoint = endpointOf(`localhost:${server.port}`, { ca, cert, key });
  return new Channel(endpoint, { connectTimeoutMs: 5000 });
}

Deno.test("Health.Check() answers SERVING for the server and for JobWorker, to anybody verified", async () => {
  await using server = await TestServer.start({});
  using channel = await openChannel(server);
  for (const service of ["", "jobworker.v1.JobWorker"]) {
    const answer = await unaryCall(channel.client, HEALTH.Check, { service }, FOREVER);
    assert.deepEqual(answer, { status: "SERVING" });
  }
  await assert.rejects(
    unaryCall(channel.client, HEALTH.Check, { service: "other.Service" }, FOREVER),
    { code: "not_found", message: 'No such service: "other.Service"' },
  );
});

Deno.test("Health.Watch() tells the status until the server goes away", async () => {
  await using server = await TestServer.start({});
  using channel = await openChannel(server);
  const watch = (service: string) => streamCall(channel.client, HEALTH.Watch, { service }, FOREVER);
  const known = watch("");
  const unknown = watch("other.Service");
  assert.deepEqual((await known.next()).value, { status: "SERVING" });
  assert.deepEqual((await unknown.next()).value, { status: "SERVICE_UNKNOWN" });
  const outcomes = Promise.all(
    [known, unknown].map((statuses) =>
      assert.rejects(Array.fromAsync(statuses), { code: "unavailable" })
    ),
  );
  await server.grpc.close();
  await outcomes;
});

Deno.test("Health.Watch() is open so often for one user at most, and goes on for others", async () => {
  await using server = await TestServer.start({});
  using channel = await openChannel(server);
  const leaving = new AbortController();
  const limits = { ...FOREVER, signal: leaving.signal };
  const watch = () => streamCall(channel.client, HEALTH.Watch, { service: "" }, limits);
  const open = Array.from({ length: 256 }, watch);
  await Promise.all(open.map((statuses) => statuses.next()));
  await assert.rejects(Array.fromAsync(watch()), {
    code: "resource_exhausted",
    message: 'More than 256 streams of health checks and reflection of user "prober" at once',
  });
  const check = () => unaryCall(channel.client, HEALTH.Check, { service: "" }, FOREVER);
  assert.deepEqual(await check(), { status: "SERVING" });
  const { ca, cert, key } = await server.certificates.material("viewer");
  using other = new Channel(endpointOf(`localhost:${server.port}`, { ca, cert, key }), {
    connectTimeoutMs: 5000,
  });
  const others = streamCall(other.client, HEALTH.Watch, { service: "" }, limits);
  assert.deepEqual((await others.next()).value, { status: "SERVING" });
  await open.pop()?.return(undefined);
  await until(async () => {
    const again = watch();
    const isTaken = await again.next().then(() => true, () => false);
    if (isTaken) open.push(again);
    return isTaken;
  });
  leaving.abort(new Error("left"));
  await Promise.allSettled([...open, others].map((statuses) => Array.fromAsync(statuses)));
});

Deno.test("Health.Watch() misses no change while a status is on its way", async () => {
  const health = new Health();
  const leaving = new AbortController();
  const told: unknown[] = [];
  const calls = {
    async run(_call: unknown, _kind: unknown, answer: (context: unknown) => Promise<void>) {
      await answer({ signal: leaving.signal }).catch(() => {});
      return null;
    },
  } as unknown as ServerCalls;
  const call = {
    request: { service: "" },
    write(message: { status: string }, written: () => void) {
      told.push(message.status);
      if (told.length === 1) health.stopServing();
      else leaving.abort(new Error("left"));
      written();
    },
    end: () => {},
  };
  const watch = health.handlers(calls).Watch as unknown as (watched: typeof call) => Promise<void>;
  await soon(watch(call), () => "the second status");
  assert.deepEqual(told, ["SERVING", "NOT_SERVING"]);
});
