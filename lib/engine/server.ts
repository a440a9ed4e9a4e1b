import { dirname } from "node:path";
import { JobWorkerError, messageOf } from "../errors.ts";
import { isLasting } from "../files/lasting.ts";
import { connectionsOf } from "../net/connections.ts";
import type { JobService } from "../service/job_service.ts";
import { CallServer, type CallServerOptions } from "./call_server.ts";

/** Options of {@linkcode EngineServer.listen}. */
export interface EngineServerOptions extends CallServerOptions {
  /** Where to create the Unix socket, with mode 0600. Whatever is there is removed. */
  readonly path: string;
  /** Whose it is, besides root's; `null`, the default: our own user's. */
  readonly uid?: number | null;
}

/** Serves a `JobService` on a Unix socket until it is disposed of. */
export class EngineServer implements AsyncDisposable {
  readonly #options: EngineServerOptions;
  readonly #calls: CallServer;
  #listener: Deno.UnixListener | null = null;
  #accepting: Promise<void> = Promise.resolve();
  #socket = "";
  #restoring: Promise<boolean> = Promise.resolve(false);
  #isClosing = false;

  private constructor(service: JobService, options: EngineServerOptions) {
    this.#options = options;
    this.#calls = new CallServer(service, options);
  }

  /** @throws `failed_precondition` if the socket cannot be created; `unavailable` if that may pass */
  static async listen(service: JobService, options: EngineServerOptions): Promise<EngineServer> {
    const server = new EngineServer(service, options);
    await server.#listen();
    return server;
  }

  /**
   * Creates the socket again if its file is gone or has been replaced: programs that clean up old files do
   * not know that it is in use. Calls in progress continue.
   *
   * @returns whether that was necessary
   * @throws as {@linkcode listen} does
   */
  restoreSocket(): Promise<boolean> {
    const restored = this.#restoring.then(() => this.#restore());
    this.#restoring = restored.catch(() => false);
    return restored;
  }

  /** Ends the streams with `unavailable`, then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    await this.#restoring;
    await this.#stopListening();
    await this.#calls[Symbol.asyncDispose]();
  }

  async #restore(): Promise<boolean> {
    if (this.#isClosing) return false;
    if (await identityOf(this.#options.path) === this.#socket) return false;
    await this.#listen();
    return true;
  }

  async #listen(): Promise<void> {
    const { path, uid = null } = this.#options;
    // To close it removes what is at the path, so that comes first.
    await this.#stopListening();
    try {
      await Deno.remove(path).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
      this.#listener = Deno.listen({ transport: "unix", path });
      this.#accepting = this.#accept(this.#listener);
      await Deno.chmod(path, 0o600);
      if (uid !== null) await Deno.chown(path, uid, null);
      this.#socket = await identityOf(path) ?? "";
    } catch (error) {
      await this.#stopListening();
      throw new JobWorkerError(
        isLasting(error) ? "failed_precondition" : "unavailable",
        `Cannot make the engine's socket "${path}": ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  async #stopListening(): Promise<void> {
    this.#socket = "";
    this.#listener?.close();
    this.#listener = null;
    await this.#accepting;
  }

  async #accept(listener: Deno.UnixListener): Promise<void> {
    for await (const connection of connectionsOf(listener, dirname(this.#options.path))) {
      this.#calls.serve(connection);
    }
  }
}

/**
 * Identifies the socket at a path, and changes when that is no longer ours; `null` if there is none. While we
 * listen on a socket, no other file gets its inode number.
 */
async function identityOf(path: string): Promise<string | null> {
  try {
    const { dev, ino, mode } = await Deno.lstat(path);
    return [dev, ino, mode].join(":");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
