import { abortable } from "../async/abortable.ts";
import { EngineServer } from "../engine/server.ts";
import type { Rights } from "../process/users.ts";
import type { JobService } from "../service/job_service.ts";
import { ENGINE_SOCKET, openToGroup } from "./data_directory.ts";
import { diagnostics } from "./diagnostics.ts";

/** Options of {@linkcode EngineSocket.listen}. */
export interface EngineSocketOptions {
  readonly dataDirectory: string;
  /** Those of the gateways; `null`: our own. */
  readonly rights: Rights | null;
  /** See `CallServerOptions`. */
  readonly maxCalls: number;
  /** Aborted when the daemon ends. */
  readonly signal: AbortSignal;
}

/** The socket in the data directory by which gateways reach a service. */
export class EngineSocket implements AsyncDisposable {
  readonly #server: EngineServer;
  readonly #options: EngineSocketOptions;

  private constructor(server: EngineServer, options: EngineSocketOptions) {
    this.#server = server;
    this.#options = options;
  }

  /** @throws as `EngineServer.listen()` does */
  static async listen(service: JobService, options: EngineSocketOptions): Promise<EngineSocket> {
    const { dataDirectory, rights, maxCalls } = options;
    await letIn(options);
    const server = await EngineServer.listen(service, {
      path: `${dataDirectory}/${ENGINE_SOCKET}`,
      uid: rights?.uid ?? null,
      maxCalls,
      onFault: (error, method) => diagnostics.error("{method} failed: {error}", { method, error }),
    });
    return new EngineSocket(server, options);
  }

  /** Lets gateways reach it again, whatever somebody has done to the directory or the socket. */
  async restore(): Promise<void> {
    const { dataDirectory, signal } = this.#options;
    // Somebody may have given the directory its usual mode again, as tmpfiles.d(5) does.
    await letIn(this.#options);
    // Without a descriptor for it that may take long, and must not hold up the end.
    if (!await abortable(this.#server.restoreSocket(), signal)) return;
    const socket = `${dataDirectory}/${ENGINE_SOCKET}`;
    diagnostics.warn("The socket {socket} was removed or replaced: made again", { socket });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

async function letIn({ dataDirectory, rights }: EngineSocketOptions): Promise<void> {
  if (rights !== null) await openToGroup(dataDirectory, rights.gid);
}
