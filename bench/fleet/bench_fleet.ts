import { delay } from "../../lib/async/delay.ts";
import { loadTlsMaterial } from "../../lib/auth/tls_material.ts";
import { connect, type JobWorkerClient } from "../../lib/grpc/client.ts";
import type { TestNatsServer } from "../../tests/fleet/nats_server.ts";
import { FleetDaemon } from "../../tests/fleet/test_daemons.ts";
import type { TestHub } from "../../tests/fleet/test_hub.ts";
import { AS_ROOT, programLine, ROOT } from "../../tests/programs.ts";
import { PeerProcess } from "../peer_process.ts";
import { RoleProcesses } from "../role_processes.ts";
import { BareBus } from "./bare_bus.ts";
import { JOINING } from "./fleet_files.ts";

/** The one host that really runs jobs. */
export const REAL = "real-1";

/** How a {@linkcode BenchFleet} is made. */
export interface BenchFleetOptions {
  /** The files of all. */
  readonly hub: TestHub;
  readonly nats: TestNatsServer;
  /** The names of the simulated hosts. */
  readonly simulated: readonly string[];
  /** How many changes each of them has told already. */
  readonly told: number;
}

/** A hub with many simulated hosts and one that runs jobs, each in processes of their own. */
export class BenchFleet implements AsyncDisposable {
  readonly nats: TestNatsServer;
  /** The names of the simulated hosts. */
  readonly names: readonly string[];
  readonly processes: Readonly<Record<"hub" | "nats" | "simulated" | "real", RoleProcesses>>;
  /** At the hub. */
  readonly client: JobWorkerClient;
  /** At the host that runs jobs. */
  readonly direct: JobWorkerClient;
  readonly bare: BareBus;
  readonly #simulated: PeerProcess;
  /** `worker-cli` for the hub. */
  readonly #cli: readonly string[];
  readonly #resources: AsyncDisposableStack;

  private constructor(
    { hub: { directory }, nats, simulated: names }: BenchFleetOptions,
    parts: {
      readonly hub: FleetDaemon;
      readonly real: FleetDaemon;
      readonly simulated: PeerProcess;
      readonly client: JobWorkerClient;
      readonly direct: JobWorkerClient;
      readonly bare: BareBus;
    },
    resources: AsyncDisposableStack,
  ) {
    const { hub, real, simulated, client, direct, bare } = parts;
    this.nats = nats;
    this.names = names;
    this.processes = {
      hub: new RoleProcesses(hub.pid),
      nats: new RoleProcesses(nats.pid),
      simulated: new RoleProcesses(simulated.pid),
      real: new RoleProcesses(real.pid, `${real.directory}/data`),
    };
    this.client = client;
    this.direct = direct;
    this.bare = bare;
    this.#simulated = simulated;
    this.#cli = [
      ...programLine("worker-cli", directory),
      ...[`--address=${hub.address}`, `--ca=${directory}/certs/ca-cert.pem`],
      ...["cert", "key"].map((name) => `--${name}=${directory}/certs/client-${name}.pem`),
    ];
    this.#resources = resources;
  }

  /** Starts all of it, and waits until every host is online. */
  static async start(options: BenchFleetOptions): Promise<BenchFleet> {
    await using resources = new AsyncDisposableStack();
    const { hub: files, told } = options;
    const { directory } = files;
    const simulated = resources.use(
      await PeerProcess.start([
        ...[Deno.execPath(), "run", "--quiet", "--allow-all"],
        ...[`${ROOT}bench/fleet/simulated_hosts.ts`, `${directory}/${JOINING}`, `${told}`],
      ], directory),
    );
    const certs = `${directory}/certs`;
    const [cert, key, ca] = [
      `${certs}/server-cert.pem`,
      `${certs}/server-key.pem`,
      `${certs}/ca-cert.pem`,
    ];
    const home = `${directory}/${REAL}`;
    await Deno.mkdir(home);
    const real = resources.use(
      new FleetDaemon(home, [
        ...[`--cert=${cert}`, `--key=${key}`, `--ca=${ca}`],
        ...[`--fleet=${files.joinPath(REAL)}`, ...AS_ROOT],
      ]),
    );
    await real.start();
    const hub = resources.use(
      new FleetDaemon(
        directory,
        [`--config=${directory}/job-worker.json`, ...AS_ROOT],
        [`--allow-net=127.0.0.1:${files.port}`],
      ),
    );
    await hub.start();
    const paths = { cert: `${certs}/client-cert.pem`, key: `${certs}/client-key.pem`, ca };
    const material = await loadTlsMaterial(paths, "client");
    const client = resources.use(await connect({ address: hub.address, ...material }));
    const direct = resources.use(await connect({ address: real.address, ...material }));
    const bare = resources.use(await BareBus.connect(files));
    const parts = { hub, real, simulated, client, direct, bare };
    const fleet = new BenchFleet(options, parts, resources.move());
    await fleet.whenSimulatedAre("online");
    return fleet;
  }

  /** Waits until the hub sees all simulated hosts like this. The one that runs jobs is to be online. */
  async whenSimulatedAre(state: "online" | "offline"): Promise<void> {
    for (;;) {
      const { hosts } = await this.client.listHosts();
      const wanted = ({ name }: { name: string }) => name === REAL ? "online" : state;
      if (hosts.length > 0 && hosts.every((host) => host.state === wanted(host))) return;
      await delay(100);
    }
  }

  /** Runs `worker-cli` at the hub to its end, which must be a good one, and returns how many lines it prints. */
  async cliLines(...args: readonly string[]): Promise<number> {
    const [program = "", ...flags] = this.#cli;
    const command = new Deno.Command(program, { args: [...flags, ...args] });
    const { code, stdout, stderr } = await command.output();
    if (code !== 0) throw new Error(`Cannot measure: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout).trimEnd().split("\n").length;
  }

  /** Stops the simulated hosts as if their machines had died, until what it returns is disposed of. */
  suspendSimulated(): Disposable {
    Deno.kill(this.#simulated.pid, "SIGSTOP");
    return { [Symbol.dispose]: () => Deno.kill(this.#simulated.pid, "SIGCONT") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
