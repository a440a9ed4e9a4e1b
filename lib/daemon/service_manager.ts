import { messageOf } from "../errors.ts";
import { diagnostics } from "./diagnostics.ts";
import { OWN_SOCKET } from "./notify_socket.ts";

/** Tells systemd, or another manager with its protocol, about this process. */
export class ServiceManager implements Disposable {
  readonly #path: string;
  readonly #socket: Deno.DatagramConn;
  #closed = false;

  private constructor(path: string, socket: Deno.DatagramConn) {
    this.#path = path;
    this.#socket = socket;
  }

  /**
   * @param path see `notifySocket`
   * @param directory where we may put a socket
   * @returns `null` if there is no manager, or it cannot be told, which the diagnostics say
   */
  static async open(path: string | null, directory: string): Promise<ServiceManager | null> {
    if (path === null) return null;
    const own = `${directory}/${OWN_SOCKET}`;
    try {
      // A daemon that was killed right here has left it behind.
      await Deno.remove(own).catch(() => {});
      const socket = Deno.listenDatagram({ transport: "unixpacket", path: own });
      // Nobody sends answers to it.
      await Deno.remove(own);
      return new ServiceManager(path, socket);
    } catch (error) {
      warn(error);
      return null;
    }
  }

  /** The daemon serves; this also ends {@linkcode reloading}. */
  async ready(status: string): Promise<void> {
    await this.#tell("READY=1", `STATUS=${status}`);
  }

  /** It reads its certificates again, and keeps serving meanwhile. */
  async reloading(): Promise<void> {
    await this.#tell("RELOADING=1", "STATUS=Reading certificates and users");
  }

  async stopping(status: string): Promise<void> {
    await this.#tell("STOPPING=1", `STATUS=${status}`);
  }

  async #tell(...lines: readonly string[]): Promise<void> {
    if (this.#closed) return;
    const message = new TextEncoder().encode(lines.join("\n"));
    try {
      await this.#socket.send(message, { transport: "unixpacket", path: this.#path });
    } catch (error) {
      warn(error);
    }
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.#socket.close();
    this.#closed = true;
  }
}

function warn(error: unknown): void {
  diagnostics.warn("Cannot tell the service manager: {why}", { why: messageOf(error) });
}
