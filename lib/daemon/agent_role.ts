import { delay } from "../async/delay.ts";
import { messageOf } from "../errors.ts";
import { serveHost } from "../fleet/agent.ts";
import { DoorClient } from "../fleet/door_socket.ts";
import { LossReport } from "../fleet/loss_report.ts";
import { connectNats } from "../fleet/nats_connection.ts";
import { hostInbox } from "../fleet/subjects.ts";
import { type AgentOptions, agentOptionsSchema, ALIVE, ALIVE_EVERY_MS } from "./agent_protocol.ts";
import { configureDiagnostics, diagnostics } from "./diagnostics.ts";
import type { GatewayPipes } from "./gateway.ts";
import { decodeLines } from "./gateway_protocol.ts";

/**
 * Runs the process that brings calls of hubs to the engine. It may crash, because it owns nothing that would be
 * lost; and nobody needs to trust it, because it cannot open what it carries.
 *
 * @returns its exit status
 */
export async function runAgent(pipes: GatewayPipes): Promise<number> {
  // Flags on the command line do not grant them anyway, but those of `deno compile` are for every role.
  for (const name of ["run", "sys"] as const) await Deno.permissions.revoke({ name });
  const lines = decodeLines(pipes.input, agentOptionsSchema);
  const { value: options, done } = await lines.next();
  if (done) return 0;
  await configureDiagnostics(options);
  const ending = new AbortController();
  // The engine says nothing more; that it is gone ends the lines.
  const gone = lines.next().then(() => ending.abort(new Error("The engine is gone")));
  const alive = tellAlive(pipes.output, ending.signal);
  try {
    await serve(options, ending.signal);
    return 0;
  } catch (error) {
    if (ending.signal.aborted) return 0;
    diagnostics.error("Agent: {why}", { why: messageOf(error) });
    return 1;
  } finally {
    ending.abort(new Error("The agent ends"));
    await alive;
    await Promise.race([gone, Promise.resolve()]);
  }
}

async function serve(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const { host, servers, tls, socket } = options;
  using door = new DoorClient(await Deno.connect({ transport: "unix", path: socket }));
  const ended = new AbortController();
  void door.ended.then(() => ended.abort(new Error("The engine has closed the door")));
  const either = AbortSignal.any([signal, ended.signal]);
  let told = "";
  const connection = await connectNats({
    ...{ servers, tls, name: `agent of ${host}`, inboxPrefix: hostInbox(host), signal: either },
    onFault(why) {
      if (why !== told) diagnostics.error("Cannot connect to NATS: {why}; trying again", { why });
      told = why;
    },
  });
  diagnostics.info("Connected to NATS at {server}", { server: connection.getServer() });
  const losses = new LossReport(tls.cert);
  await serveHost(connection, door, {
    host,
    signal: either,
    onConnected(isConnected) {
      if (isConnected) {
        losses.over();
        const server = connection.getServer();
        return diagnostics.info("Connected to NATS at {server} again", { server });
      }
      const why = losses.next();
      if (why !== null) diagnostics.warn("{why}", { why });
    },
    onFault: (error) => diagnostics.error("NATS: {why}", { why: messageOf(error) }),
  });
}

async function tellAlive(
  output: WritableStream<Uint8Array<ArrayBuffer>>,
  signal: AbortSignal,
): Promise<void> {
  const writer = output.getWriter();
  const line = new TextEncoder().encode(`${JSON.stringify(ALIVE)}\n`);
  try {
    for (;;) {
      await writer.write(line);
      await delay(ALIVE_EVERY_MS, { signal });
    }
  } catch {
    // It is over, or nobody reads it any more.
  }
}
