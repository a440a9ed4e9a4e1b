import { messageOf } from "../errors.ts";
import { diagnostics } from "./diagnostics.ts";

/** The name of our own socket in the data directory: Deno sends from none that has no name. */
export const OWN_SOCKET = "notify.sock";

/** Where a service manager that started us listens, see sd_notify(3); `null` if there is none. */
export function notifySocket(environment: (name: string) => string | undefined): string | null {
  const path = environment("NOTIFY_SOCKET") ?? "";
  // Deno reaches no abstract socket, which begins with "@"; those are of systemd before 2014.
  return path.startsWith("/") ? path : null;
}

/** What systemd, or another that speaks as it does, is told of this process. */
export class ServiceManager implements Disposable {
  readonly #path: string;
  readonly #socket: Deno.DatagramConn;
  #closed = false;

  private constructor(path: string, socket: Deno.DatagramConn) {
    this.#path = path;
    this.#socket = socket;
  }

  /**
   * @param path see {@linkcode notifySocket}
   * @param directory where we may put a socket
   * @returns `null` if nobody wants to know, or cannot be told, which is a line of the diagnostics
   */
  static async open(path: string | null, directory: string): Promise<ServiceManager | null> {
    if (path === null) return null;
    const own = `${directory}/${OWN_SOCKET}`;
    try {
      // Left by a daemon that was killed at this very place.
      await Deno.remove(own).catch(() => {});
      const socket = Deno.listenDatagram({ transport: "unixpacket", path: own });
      // Nobody answers.
      await Deno.remove(own);
      return new ServiceManager(path, socket);
    } catch (error) {
      warn(error);
      return null;
    }
  }

  /** All is well, which is the end of {@linkcode reloading}, too. */
  async ready(status: string): Promise<void> {
    await this.#tell("READY=1", `STATUS=${status}`);
  }

  /** It serves on while it reads its certificates anew. */
  async reloading(): Promise<void> {
    await this.#tell("RELOADING=1", "STATUS=Reading certificates and users");
  }

  async stopping(): Promise<void> {
    await this.#tell("STOPPING=1", "STATUS=Ending the jobs");
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
