import { abortable } from "../async/abortable.ts";
import { type Door, serveDoor } from "../fleet/door_socket.ts";
import type { Exposition } from "../metrics/exposition.ts";
import { closeConnection } from "../net/close_connection.ts";
import type { Rights } from "../process/users.ts";
import { AgentProcess } from "./agent_process.ts";
import type { AgentOptions } from "./agent_protocol.ts";
import { withoutDescriptors } from "./close_descriptors.ts";
import { keepAlive } from "./keep_alive.ts";
import type { Measured } from "./measured.ts";
import { withSmallMemory } from "./small_memory.ts";
import { gatewayRights, NO_PORT } from "./users/gateway_user.ts";

/** Options of an {@linkcode AgentKeeper}. */
export interface AgentKeeperOptions {
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  /** Whom agents run as; `null`: as we do. */
  readonly rights: Rights | null;
  readonly agent: AgentOptions;
  /** The program and arguments of an agent. */
  readonly command: readonly string[];
  readonly door: Door;
}

/**
 * Keeps an agent alive. The socket between it and the engine is there only until the agent has connected, so nobody
 * else ever can.
 */
export class AgentKeeper implements AsyncDisposable, Measured {
  readonly #options: AgentKeeperOptions;
  readonly #closing = new AbortController();
  readonly #kept: Promise<void>;
  /** The one that has connected. */
  #agent: AgentProcess | null = null;
  /** How many have died. */
  #deaths = 0;

  constructor(options: AgentKeeperOptions) {
    this.#options = options;
    this.#kept = keepAlive("agent of the fleet", () => this.#runOne(), {
      signal: this.#closing.signal,
      onDeath: () => this.#deaths++,
    });
  }

  measure(exposition: Exposition): void {
    const process = "agent";
    const isUp = this.#agent?.isHeard ?? false;
    exposition.add("job_worker_process_up", { process }, isUp ? 1 : 0);
    exposition.add("job_worker_process_restarts_total", { role: "agent" }, this.#deaths);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("The daemon is shutting down"));
    await this.#kept;
  }

  /** @returns why the agent has ended */
  async #runOne(): Promise<string> {
    const { setsid, rights, agent, command, door } = this.#options;
    const { signal } = this.#closing;
    const argv = [
      ...await withoutDescriptors([]),
      ...await gatewayRights(rights, NO_PORT),
      ...await withSmallMemory(),
      ...command,
    ];
    using listener = await listen(agent.socket, rights);
    await using process = new AgentProcess(setsid, argv, agent);
    const ended = process.ended.then((why) => {
      throw new Error(why);
    });
    ended.catch(() => {});
    const connection = await abortable(Promise.race([listener.accept(), ended]), signal);
    const onAbort = () => closeConnection(connection);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await Deno.remove(agent.socket);
      this.#agent = process;
      // It ends with the agent.
      await serveDoor(connection, door);
    } finally {
      this.#agent = null;
      signal.removeEventListener("abort", onAbort);
    }
    return signal.aborted ? "" : await process.ended;
  }
}

async function listen(path: string, rights: Rights | null): Promise<Deno.UnixListener> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  const listener = Deno.listen({ transport: "unix", path });
  try {
    await Deno.chmod(path, 0o600);
    if (rights !== null) await Deno.chown(path, rights.uid, null);
    return listener;
  } catch (error) {
    listener.close();
    throw error;
  }
}
