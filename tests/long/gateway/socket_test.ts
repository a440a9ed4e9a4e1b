import { readCredentials } from "../../../lib/daemon/credentials.ts";
import { GatewayProcess } from "../../../lib/daemon/gateway_process.ts";
import { gatewayCommand } from "../../../lib/daemon/gateway_command.ts";
import type { GatewayOptions } from "../../../lib/daemon/gateway_protocol.ts";
import { messageOf } from "../../../lib/errors.ts";
import type { JobWorkerClient } from "../../../lib/grpc/client.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { IS_SOURCE, ROOT } from "../../programs.ts";
import { temporaryDirectory, until } from "../../worker/fixture.ts";
import { TestHouse } from "../../gateway/fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

const MADE_AGAIN =
  /WARNING The socket \S+\/data\/engine\.sock was removed or replaced: made again\n/;

/** Calls that hold on to connections to the engine, so that others need new ones, for which it takes the socket. */
class Waits implements AsyncDisposable {
  readonly #leaving = new AbortController();
  readonly #waits: Promise<unknown>[] = [];
  readonly #client: JobWorkerClient;
  readonly #jobId: string;

  constructor(client: JobWorkerClient, jobId: string) {
    this.#client = client;
    this.#jobId = jobId;
  }

  add(): void {
    const { signal } = this.#leaving;
    this.#waits.push(this.#client.waitJob({ jobId: this.#jobId }, { signal }).catch(messageOf));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaving.abort(new Error("Left"));
    await Promise.all(this.#waits);
  }
}

Deno.test("A call that finds no socket of the engine has it made again, and is answered", async () => {
  await using house = await TestHouse.start(certificates, {
    args: ["--gateways=2"],
    expected: /^$/,
  });
  const { daemon } = house;
  const socket = `${daemon.directory}/data/engine.sock`;
  const client = await house.connect();
  await using waits = new Waits(client, await daemon.sh("sleep 600"));
  for (const [round, text] of [null, "foreign"].entries()) {
    await Deno.remove(socket);
    if (text !== null) await Deno.writeTextFile(socket, text);
    await until(async () => {
      waits.add();
      await client.listJobs({ filter: {}, pageSize: 0, pageToken: "" });
      return await house.count(MADE_AGAIN) === round + 1;
    });
  }
  assert.equal((await daemon.cli(["list"])).code, 0);
  const { mode } = await Deno.stat(socket);
  assert.equal((mode ?? 0) & 0o777, 0o600);
});

Deno.test("A gateway that takes over finds the socket of the engine, even if it was swept away", async () => {
  await using house = await TestHouse.start(certificates, { expected: /^$/ });
  const { daemon } = house;
  const socket = `${daemon.directory}/data/engine.sock`;
  for (const [round, text] of [null, "foreign"].entries()) {
    const old = await house.gateway();
    await Deno.remove(socket);
    if (text !== null) await Deno.writeTextFile(socket, text);
    Deno.kill(daemon.pid, "SIGHUP");
    await house.diagnosed(new RegExp(`takes over from ${old}`));
    await until(async () => (await house.gateways()).length === 1);
    assert.equal(await house.count(MADE_AGAIN), round + 1);
    const { code, stderr } = await daemon.cli(["list"]);
    assert.deepEqual([code, stderr], [0, ""]);
  }
});

Deno.test("A socket that cannot be made again is reported, and the old gateway stays", async () => {
  const why = /Cannot make the engine's socket "\S+\/data\/engine\.sock": /.source;
  await using house = await TestHouse.start(certificates, { expected: new RegExp(why) });
  const { daemon } = house;
  const socket = `${daemon.directory}/data/engine.sock`;
  const gateway = await house.gateway();
  const client = await house.connect({ reconnectTimeoutMs: 0 });
  const list = () => client.listJobs({ filter: {}, pageSize: 0, pageToken: "" });
  await using waits = new Waits(client, await daemon.sh("sleep 600"));
  await Deno.remove(socket);
  await Deno.mkdir(`${socket}/in-the-way`, { recursive: true });
  Deno.kill(daemon.pid, "SIGHUP");
  await house.diagnosed(new RegExp(`Cannot reload: ${why}.*; gateway ${gateway} goes on`));
  await until(async () => {
    waits.add();
    return new RegExp(why).test(await list().then(() => "", messageOf));
  });
  await house.diagnosed(new RegExp(`Gateway ${gateway} cannot reach the engine: ${why}`));
  await Deno.remove(socket, { recursive: true });
  await list();
  assert.deepEqual(await house.gateways(), [gateway]);
});

Deno.test({
  name: "A gateway that cannot reach its engine says so, and listens to nobody",
  ignore: !IS_SOURCE,
  async fn() {
    await using directory = await temporaryDirectory();
    const socket = `${directory.path}/engine.sock`;
    const options: GatewayOptions = {
      credentials: await readCredentials({
        ...certificates.paths("server"),
        denyList: "",
        restAddress: null,
        users: "",
      }),
      socket,
      address: { hostname: "127.0.0.1", port: 0 },
      restAddress: null,
      publicOrigins: [],
      maxConnections: 10,
      maxConnectionsPerAddress: 10,
      maxCalls: 16,
      inherited: { grpc: null, rest: null },
      exclusive: true,
      slowness: 1,
      debug: false,
      journal: false,
    };
    const refused = async () => {
      const gateway = new GatewayProcess({
        setsid: "/usr/bin/setsid",
        argv: [...gatewayCommand(options).slice(0, -2), `${ROOT}server.ts`, "gateway"],
        onRefused: () => {},
        onSession: () => {},
        restoreSocket: () => Promise.resolve(),
      });
      await assert.rejects(gateway.serve(options, new AbortController().signal), {
        message: new RegExp(`^Cannot reach the job engine at its socket "${socket}": `),
      });
      assert.equal(await gateway.ended, "it exited with code 1");
    };
    await refused();
    await using _other = Deno.serve({ path: socket, onListen: () => {} }, () => new Response("hi"));
    await refused();
  },
});
