/**
 * A hub, its nats-server and some hosts as real processes on the loopback, and the real CLI.
 *
 * @module
 */

import { loadTlsMaterial } from "../../lib/auth/tls_material.ts";
import { connect } from "@nats-io/transport-node";
import { NatsTransport } from "../../lib/fleet/nats_transport.ts";
import { hubInbox } from "../../lib/fleet/subjects.ts";
import { connect as connectClient, type JobWorkerClient } from "../../lib/grpc/client.ts";
import { assert } from "../assert.ts";
import { TcpProxy } from "../end_to_end/proxy.ts";
import { type Finished, TestProcess } from "../end_to_end/process.ts";
import { freePort } from "../free_port.ts";
import { AS_ROOT, programLine } from "../programs.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";
import type { TestNatsServer } from "./nats_server.ts";
import { TestHub } from "./test_hub.ts";

/** A daemon that can be killed and started again, in its own directory and at its own address. */
export class FleetDaemon implements AsyncDisposable {
  readonly directory: string;
  readonly #args: readonly string[];
  readonly #permissions: readonly string[];
  readonly address = `127.0.0.1:${freePort()}`;
  #process: TestProcess | null = null;

  constructor(directory: string, args: readonly string[], permissions: readonly string[] = []) {
    this.directory = directory;
    this.#args = args;
    this.#permissions = permissions;
  }

  get pid(): number {
    return this.#process?.pid ?? assert.fail("It does not run");
  }

  async start(): Promise<void> {
    this.#process = new TestProcess([
      ...programLine("worker-daemon", this.directory, this.#permissions),
      `--address=${this.address}`,
      "--rest-address=off",
      ...this.#args,
    ], { cwd: this.directory });
    await this.#process.seen(/listening on \S+\n/);
  }

  /** What it has said on standard error. */
  get errors(): string {
    return this.#process?.stderr ?? "";
  }

  /** Waits for something on its standard error. */
  async says(pattern: RegExp): Promise<void> {
    await this.#process?.seenOnStderr(pattern);
  }

  /** Where it serves metrics. */
  async metrics(): Promise<string> {
    const [, url = ""] = await this.#process?.seen(/serving metrics at (\S+)\n/) ?? [];
    return url;
  }

  /** The process of its agent. */
  async agent(): Promise<number> {
    return await until(async () => {
      const children = await Deno.readTextFile(`/proc/${this.pid}/task/${this.pid}/children`);
      for (const child of children.trim().split(" ")) {
        const line = await Deno.readTextFile(`/proc/${child}/cmdline`).catch(() => "");
        if (/\0agent\0$/.test(line)) return Number(child);
      }
      return undefined;
    });
  }

  async kill(signal: Deno.Signal = "SIGKILL"): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    this.#process = null;
    try {
      Deno.kill(process.pid, signal);
    } catch (cause) {
      throw new Error(`It has ended by itself: ${process.stderr}`, { cause });
    }
    await process.finished();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill("SIGTERM");
  }
}

/** A database that hubs share, and its password. */
export interface TestRegistry {
  readonly url: string;
  readonly password: string;
  /** Kills the server, and starts it again. */
  readonly restart: () => Promise<void>;
}

function hubOf(
  files: TestHub,
  directory: string,
  registry: TestRegistry | null,
  more: readonly string[],
): FleetDaemon {
  const servers = [`127.0.0.1:${files.port}`];
  const args = [`--config=${directory}/job-worker.json`, ...AS_ROOT, ...more];
  if (registry !== null) {
    servers.push(new URL(registry.url).host);
    const secret = `${directory}/registry-password`;
    Deno.writeTextFileSync(secret, `${registry.password}\n`, { mode: 0o600 });
    args.push(`--registry=${registry.url}`, `--registry-password=${secret}`);
  }
  return new FleetDaemon(directory, args, [`--allow-net=${servers.join(",")}`]);
}

/** Makes another hub of the same fleet, as docs/fleet.md says: all of its files but its data, and the key of those. */
async function copyHub(from: string, to: string): Promise<void> {
  for (const name of ["job-worker.json", "certs", "fleet"]) {
    const { code } = await new Deno.Command("cp", {
      args: ["-a", `${from}/${name}`, to],
    }).output();
    assert.equal(code, 0);
  }
  await Deno.mkdir(`${to}/data`, { mode: 0o700 });
  await Deno.copyFile(`${from}/data/queue.key`, `${to}/data/queue.key`);
}

/** Has a host reach NATS by a connection that can be cut. */
async function leadOver(link: TcpProxy, joinPath: string): Promise<void> {
  const file = JSON.parse(await Deno.readTextFile(joinPath));
  await Deno.writeTextFile(joinPath, JSON.stringify({ ...file, nats: [link.address] }));
}

/** The whole of it. */
export class TestDaemons implements AsyncDisposable {
  readonly files: TestHub;
  readonly nats: TestNatsServer;
  readonly hub: FleetDaemon;
  /** All hubs, of which {@linkcode hub} is the first. */
  readonly hubs: readonly FleetDaemon[];
  readonly hosts: ReadonlyMap<string, FleetDaemon>;
  /** Between each host and NATS. */
  readonly links: ReadonlyMap<string, TcpProxy>;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    files: TestHub,
    nats: TestNatsServer,
    hubs: readonly FleetDaemon[],
    hosts: ReadonlyMap<string, FleetDaemon>,
    links: ReadonlyMap<string, TcpProxy>,
    resources: AsyncDisposableStack,
  ) {
    this.files = files;
    this.nats = nats;
    this.hub = hubs[0] ?? assert.fail("No hub");
    this.hubs = hubs;
    this.hosts = hosts;
    this.links = links;
    this.#resources = resources;
  }

  /**
   * @param hosts the names of the hosts, each with the flags of `host add`
   * @param registry a database: then there are two hubs, which share it
   * @param args more options of all daemons
   */
  static async start(
    hosts: Readonly<Record<string, readonly string[]>>,
    registry: TestRegistry | null = null,
    args: readonly string[] = [],
  ): Promise<TestDaemons> {
    await using resources = new AsyncDisposableStack();
    const files = resources.use(await TestHub.make());
    for (const [host, flags] of Object.entries(hosts)) await files.add(host, ...flags);
    const nats = resources.use(await files.startNats());
    const links = new Map<string, TcpProxy>();
    for (const host of Object.keys(hosts)) {
      const link = resources.use(TcpProxy.listen(files.port));
      links.set(host, link);
      await leadOver(link, files.joinPath(host));
    }
    const hub = resources.use(hubOf(files, files.directory, registry, args));
    await hub.start();
    const hubs = [hub];
    if (registry !== null) {
      const { path } = resources.use(await temporaryDirectory());
      await copyHub(files.directory, path);
      const second = resources.use(hubOf(files, path, registry, args));
      await second.start();
      hubs.push(second);
    }
    const certs = `${files.directory}/certs`;
    const started = new Map<string, FleetDaemon>();
    for (const host of Object.keys(hosts)) {
      const { path } = resources.use(await temporaryDirectory());
      const daemon = resources.use(
        new FleetDaemon(path, [
          `--cert=${certs}/server-cert.pem`,
          `--key=${certs}/server-key.pem`,
          `--ca=${certs}/ca-cert.pem`,
          `--fleet=${files.joinPath(host)}`,
          ...AS_ROOT,
          ...args,
        ]),
      );
      await daemon.start();
      started.set(host, daemon);
    }
    const fleet = new TestDaemons(files, nats, hubs, started, links, resources.move());
    for (const host of started.keys()) await fleet.waitFor(host, "online");
    return fleet;
  }

  host(name: string): FleetDaemon {
    return this.hosts.get(name) ?? assert.fail(`No host ${name}`);
  }

  /** Waits until the hub sees a host like this. */
  async waitFor(host: string, state: "online" | "offline"): Promise<void> {
    await until(async () => {
      const { code, stdout } = await this.cli("hosts", "--json");
      const hosts = stdout.trim().split("\n").filter((line) => line !== "").map((line) =>
        JSON.parse(line)
      );
      return code === 0 && hosts.some((each) => each.name === host && each.state === state);
    });
  }

  /** Starts `worker-cli` at the hub, or at a host. */
  startCli(args: readonly string[], at: FleetDaemon = this.hub): TestProcess {
    const certs = `${this.files.directory}/certs`;
    return new TestProcess([
      ...programLine("worker-cli", this.files.directory),
      `--address=${at.address}`,
      `--cert=${certs}/client-cert.pem`,
      `--key=${certs}/client-key.pem`,
      `--ca=${certs}/ca-cert.pem`,
      ...args,
    ], { cwd: this.files.directory });
  }

  /** Runs `worker-cli` at the hub to its end. */
  async cli(...args: readonly string[]): Promise<Finished> {
    await using process = this.startCli(args);
    return await process.finished();
  }

  /** What it printed, having exited with 0. */
  async printed(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.cli(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  /** Sends bytes to a host as its hub would, and waits for the answer. */
  async send(host: string, method: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const inbox = hubInbox("hub");
    const connection = await connect({
      ...{ servers: `127.0.0.1:${this.files.port}`, inboxPrefix: inbox, resolve: false },
      tls: await this.files.tls(),
    });
    await using transport = new NatsTransport(connection, {
      inbox,
      onSilent: () => {},
      onConnected: () => {},
      onFault: () => {},
    });
    const { signal } = new AbortController();
    await transport.request(host, method, bytes, { signal, timeoutMs: 60_000 });
  }

  /** Lets a connection of the client library to a hub be used, and closes it. */
  async withClient(
    use: (client: JobWorkerClient) => Promise<void>,
    hub: FleetDaemon = this.hub,
  ): Promise<void> {
    const certs = `${this.files.directory}/certs`;
    const paths = {
      cert: `${certs}/client-cert.pem`,
      key: `${certs}/client-key.pem`,
      ca: `${certs}/ca-cert.pem`,
    };
    const material = await loadTlsMaterial(paths, "client");
    // grpc-js closes a connection when it gets round to it, but knows at once when it is broken.
    await using proxy = TcpProxy.listen(Number(hub.address.split(":")[1]));
    await using client = await connectClient({ address: proxy.address, ...material });
    await use(client);
  }

  /** The output of a job so far, as its host has it. */
  async printedOf(host: FleetDaemon, jobId: string): Promise<string> {
    await using process = this.startCli(["logs", "all", jobId], host);
    return (await process.finished()).stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
