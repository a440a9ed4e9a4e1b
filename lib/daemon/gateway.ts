import { EngineClient } from "../engine/client.ts";
import { messageOf } from "../errors.ts";
import { configureDiagnostics } from "./diagnostics.ts";
import {
  commandSchema,
  decodeLines,
  encodeLine,
  type GatewayOptions,
  type GatewayReport,
} from "./gateway_protocol.ts";
import { NetworkFront } from "./network_front.ts";
import type { Refusal } from "../service/audit.ts";

/** The ends of a gateway's conversation with the engine. */
export interface GatewayPipes {
  readonly input: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly output: WritableStream<Uint8Array<ArrayBuffer>>;
}

/**
 * The process that faces the network: it may fall over, and owns nothing that would be lost. Serves
 * until the engine tells it to drain, or is gone.
 *
 * @returns its exit status
 */
export async function runGateway(pipes: GatewayPipes): Promise<number> {
  // Not granted anyhow, where flags are given at the start; by `deno compile` they are those of all roles.
  for (const name of ["run", "sys"] as const) await Deno.permissions.revoke({ name });
  const output = pipes.output.getWriter();
  const report = (message: GatewayReport) => output.write(encodeLine(message));
  await using resources = new AsyncDisposableStack();
  let front: NetworkFront | null = null;
  for await (const command of decodeLines(pipes.input, commandSchema)) {
    switch (command.kind) {
      case "serve":
        try {
          front = resources.use(
            await serve(command.options, resources, (refusal) => {
              // To an engine that has died; the end of our input tells.
              report({ kind: "refused", refusal }).catch(() => {});
            }),
          );
          await report({ kind: "listening", ...front.addresses });
        } catch (error) {
          await report({ kind: "failed", message: messageOf(error) });
          return 1;
        }
        break;
      case "ping":
        await report({ kind: "pong", id: command.id, fault: await faultOf(front) });
        break;
      case "drain":
        await front?.drain(command.patienceMs);
        return 0;
    }
  }
  return 0;
}

async function serve(
  options: GatewayOptions,
  resources: AsyncDisposableStack,
  onRefused: (refusal: Refusal) => void,
): Promise<NetworkFront> {
  await configureDiagnostics(options);
  const engine = resources.use(new EngineClient(options.socket));
  return await NetworkFront.open(engine, { ...options, onRefused });
}

async function faultOf(front: NetworkFront | null): Promise<string | null> {
  return await front?.probe().then(() => null, messageOf) ?? null;
}
