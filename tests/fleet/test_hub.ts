import { hostCommand } from "../../lib/daemon/host_command.ts";
import { init } from "../../lib/daemon/init.ts";
import { type JoinFile, readJoinFile } from "../../lib/fleet/join_file.ts";
import { freePort } from "../free_port.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { TestNatsServer } from "./nats_server.ts";

/**
 * The files of a hub as `worker-daemon init --hub` makes them, in a directory that goes away with it. Its nats-server
 * is on a port of the loopback that was free.
 */
export class TestHub implements AsyncDisposable {
  readonly directory: string;
  /** That of nats-server. */
  readonly port: number;
  readonly #resources: AsyncDisposableStack;

  private constructor(directory: string, port: number, resources: AsyncDisposableStack) {
    this.directory = directory;
    this.port = port;
    this.#resources = resources;
  }

  /** Makes a hub, and adds hosts of these names. */
  static async make(...hosts: readonly string[]): Promise<TestHub> {
    const hub = await TestHub.makeWith();
    for (const host of hosts) await hub.add(host);
    return hub;
  }

  /** Makes a hub with these flags of `init`. */
  static async makeWith(...flags: readonly string[]): Promise<TestHub> {
    await using resources = new AsyncDisposableStack();
    const { path } = resources.use(await temporaryDirectory());
    const port = freePort();
    const line = ["--hub", `--dir=${path}`, `--nats=127.0.0.1:${port}`, ...flags];
    await init(line, () => undefined);
    return new TestHub(path, port, resources.move());
  }

  /** The path of one of its files, in `fleet/`. */
  path(name: string): string {
    return `${this.directory}/fleet/${name}`;
  }

  /** The path of the file by which a host joins. */
  joinPath(host: string): string {
    return `${this.directory}/${host}.join`;
  }

  /** Adds a host, and returns what it joins with. */
  async add(host: string, ...flags: readonly string[]): Promise<JoinFile> {
    const out = this.joinPath(host);
    await hostCommand(["add", host, "--slots=4", "--dir", this.directory, "--out", out, ...flags]);
    return await this.joined(host);
  }

  /** What a host has joined with. */
  async joined(host: string): Promise<JoinFile> {
    return await readJoinFile(this.joinPath(host));
  }

  async remove(host: string): Promise<void> {
    await hostCommand(["remove", host, "--dir", this.directory]);
  }

  /** What the hub itself connects to NATS with. */
  async tls(): Promise<{ cert: string; key: string; ca: string }> {
    const [cert = "", key = "", ca = ""] = await Promise.all(
      ["hub-tls-cert.pem", "hub-tls-key.pem", "ca-cert.pem"].map((name) =>
        Deno.readTextFile(this.path(name))
      ),
    );
    return { cert, key, ca };
  }

  /** Starts its nats-server, with the configuration as it is. */
  async startNats(): Promise<TestNatsServer> {
    return await TestNatsServer.start({ config: this.path("nats.conf"), port: this.port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
