import { connect, type NatsConnection } from "@nats-io/transport-node";
import { type AgentOptions, serveHost } from "../../lib/fleet/agent.ts";
import { type Door, DoorClient, serveDoor } from "../../lib/fleet/door_socket.ts";
import { NatsTransport } from "../../lib/fleet/nats_transport.ts";
import { hostInbox, hubInbox } from "../../lib/fleet/subjects.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import type { Shown } from "./knock.ts";
import { TestNatsServer } from "./nats_server.ts";

/** A server that lets everybody in, for tests of what is carried rather than of who may carry it. */
export async function openNats(resources: AsyncDisposableStack): Promise<TestNatsServer> {
  const { path } = resources.use(await temporaryDirectory());
  const config = `${path}/nats.conf`;
  await Deno.writeTextFile(config, "max_payload: 8MB\n");
  return resources.use(await TestNatsServer.start({ config }));
}

/** A connection that comes back as soon as the server does. */
export async function connectTo(
  { port }: TestNatsServer,
  inboxPrefix: string,
  tls?: Shown,
): Promise<NatsConnection> {
  return await connect({
    ...tls && { tls: { ...tls } },
    servers: `127.0.0.1:${port}`,
    inboxPrefix,
    resolve: false,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 20,
  });
}

/** The agent of a host, in this process, with a door behind it. */
export async function startAgent(
  server: TestNatsServer,
  host: string,
  door: Door,
  { tls, ...told }: Partial<Pick<AgentOptions, "onConnected" | "onFault">> & {
    /** By default the server lets everybody in. */
    readonly tls?: Shown;
  } = {},
): Promise<AsyncDisposable> {
  await using resources = new AsyncDisposableStack();
  const { path } = resources.use(await temporaryDirectory());
  const socket = `${path}/door.sock`;
  const listener = Deno.listen({ transport: "unix", path: socket });
  const accepted = listener.accept();
  const client = new DoorClient(await Deno.connect({ transport: "unix", path: socket }));
  const served = serveDoor(await accepted, door);
  listener.close();
  const ending = new AbortController();
  const connection = await connectTo(server, hostInbox(host), tls);
  const serving = serveHost(connection, client, {
    host,
    signal: ending.signal,
    onConnected: () => {},
    onFault: () => {},
    ...told,
  });
  await connection.flush();
  const held = resources.move();
  return {
    async [Symbol.asyncDispose]() {
      ending.abort();
      await serving;
      client[Symbol.dispose]();
      await served;
      await client.ended;
      await held.disposeAsync();
    },
  };
}

/** The hub's side, and what it is told. */
export async function openTransport(
  server: TestNatsServer,
): Promise<{
  readonly transport: NatsTransport;
  readonly silent: string[];
  readonly connected: boolean[];
}> {
  const inbox = hubInbox("main");
  const silent: string[] = [];
  const connected: boolean[] = [];
  const transport = new NatsTransport(await connectTo(server, inbox), {
    inbox,
    onSilent: (host) => void silent.push(host),
    onConnected: (isConnected) => void connected.push(isConnected),
    onFault: () => {},
  });
  return { transport, silent, connected };
}
