import { Sessions } from "../auth/sessions.ts";
import { EngineClient } from "../engine/client.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { isLasting } from "../files/lasting.ts";
import { setLogger } from "../grpc/grpc.ts";
import { passwordFileOf } from "./credentials.ts";
import { configureDiagnostics, diagnostics } from "./diagnostics.ts";
import {
  commandSchema,
  decodeLines,
  encodeLine,
  FAILURES,
  type GatewayCommand,
  type GatewayOptions,
  type GatewayReport,
  MAX_COMMAND_CHARACTERS,
} from "./gateway_protocol.ts";
import { GatewayUse } from "./gateway_use.ts";
import { NetworkFront, type NetworkFrontOptions } from "./network_front.ts";

/** The ends of a gateway's conversation with the engine. */
export interface GatewayPipes {
  readonly input: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly output: WritableStream<Uint8Array<ArrayBuffer>>;
}

/**
 * Runs the process that faces the network. It may crash, because it owns nothing that would be lost. It serves
 * until the engine tells it to drain, or is gone.
 *
 * @returns its exit status
 */
export async function runGateway(pipes: GatewayPipes): Promise<number> {
  // Flags on the command line do not grant them anyway, but those of `deno compile` are for every role.
  for (const name of ["run", "sys"] as const) await Deno.permissions.revoke({ name });
  const output = pipes.output.getWriter();
  const report = (message: GatewayReport) => output.write(encodeLine(message));
  await using resources = new AsyncDisposableStack();
  // Nothing reaches an engine that has died; the end of our input tells us that.
  const restoration = new SocketRestoration(() => report({ kind: "unreachable" }).catch(() => {}));
  const use = new GatewayUse(() => void report({ kind: "used" }).catch(() => {}));
  let front: NetworkFront | null = null;
  let sessions: Sessions | null = null;
  const over = new AbortController();
  for await (const command of commandsUntil(over.signal, pipes.input)) {
    switch (command.kind) {
      case "serve":
        if (command.options.sessions !== undefined) {
          sessions = new Sessions(
            passwordFileOf(command.options.credentials),
            command.options.sessions,
            { ask: (change) => void report({ kind: "session", change }).catch(() => {}) },
          );
        }
        try {
          front = resources.use(
            await serve(command.options, resources, {
              restoreSocket: () => restoration.ask(),
              onRefused: (refusal) => void report({ kind: "refused", refusal }).catch(() => {}),
              onUsed: () => use.note(),
              sessions,
            }),
          );
          await report({ kind: "listening", ...front.addresses });
        } catch (error) {
          await report(failureOf(error));
          return 1;
        }
        break;
      case "ping": {
        const fault = await faultOf(front);
        const isIdle = use.isOver(front?.connections ?? 0);
        await report({ kind: "pong", id: command.id, fault, isIdle });
        break;
      }
      case "count":
        // Nobody asks one that does not listen.
        if (front !== null) await report({ kind: "counts", id: command.id, counts: front.counts });
        break;
      case "sessions":
        sessions?.update(command.sessions);
        await report({ kind: "informed" });
        break;
      case "socket":
        restoration.answer(command.fault);
        break;
      case "drain":
        // Meanwhile it is still told who has logged out.
        void (front?.drain(command.drainTimeoutMs) ?? Promise.resolve()).finally(() =>
          over.abort()
        );
        break;
    }
  }
  return 0;
}

/** What the engine says, until it has died, or until the signal. */
async function* commandsUntil(
  signal: AbortSignal,
  input: GatewayPipes["input"],
): AsyncGenerator<GatewayCommand, void, undefined> {
  try {
    const open = input.pipeThrough(new TransformStream(), { signal });
    yield* decodeLines(open, commandSchema, MAX_COMMAND_CHARACTERS);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function serve(
  { sessions: _, ...options }: GatewayOptions,
  resources: AsyncDisposableStack,
  { restoreSocket, ...told }: Pick<NetworkFrontOptions, "onRefused" | "onUsed" | "sessions"> & {
    readonly restoreSocket: () => Promise<void>;
  },
): Promise<NetworkFront> {
  await configureDiagnostics(options);
  // By itself it would print what a client has sent, unescaped and as often as the client likes.
  const say = (text: unknown) => diagnostics.debug("gRPC: {text}", { text });
  setLogger({ error: say, info: say, debug: say });
  const engine = resources.use(
    new EngineClient(options.socket, { restoreSocket, maxConnections: options.maxCalls }),
  );
  // A gateway that took over the port without an engine behind it would only turn clients away.
  await engine.reach();
  return await NetworkFront.open(engine, { ...options, ...told });
}

function failureOf(error: unknown): GatewayReport {
  const known = error instanceof JobWorkerError ? error.code : null;
  const lasting = isLasting(error) ? "failed_precondition" : "unavailable";
  const code = FAILURES.find((code) => code === known) ?? lasting;
  return { kind: "failed", code, message: messageOf(error) };
}

async function faultOf(front: NetworkFront | null): Promise<string | null> {
  return await front?.probe().then(() => null, messageOf) ?? null;
}

/** Asks the engine to restore its socket. Requests made before it has answered share the answer. */
class SocketRestoration {
  readonly #request: () => void;
  #asked: PromiseWithResolvers<void> | null = null;

  constructor(request: () => void) {
    this.#request = request;
  }

  /** @throws `unavailable` if the socket cannot be restored */
  async ask(): Promise<void> {
    if (this.#asked === null) {
      this.#asked = Promise.withResolvers();
      this.#request();
    }
    await this.#asked.promise;
  }

  /** @param fault why it cannot; `null` if it is well */
  answer(fault: string | null): void {
    if (fault === null) this.#asked?.resolve();
    else this.#asked?.reject(new JobWorkerError("unavailable", fault));
    this.#asked = null;
  }
}
