import { agentCommand } from "../../lib/daemon/agent_command.ts";
import { ALLOWED, assertRights, PROBES, REFUSED } from "../probe.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const { read, write, connect, listen } = PROBES;

Deno.test("An agent is refused whatever it does not need, and granted what it needs", async () => {
  await using directory = await temporaryDirectory();
  const data = `${directory.path}/data`;
  await Deno.mkdir(data);
  for (const name of ["audit.log", "jobs.db", "host.json"]) {
    await Deno.writeTextFile(`${data}/${name}`, "");
  }
  const socket = `${data}/agent.sock`;
  using door = Deno.listen({ transport: "unix", path: socket });
  using nats = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  // Nobody may come, if the test fails.
  const accepted = [door, nats].map((listener) =>
    listener.accept().then((connection) => connection.close(), () => {})
  );
  const { port } = nats.addr;
  const probes: readonly (readonly [expression: string, expected: string])[] = [
    ["new Deno.Command('setsid').output()", REFUSED],
    ["Deno.kill(Deno.ppid, 'SIGCONT')", REFUSED],
    ...["/etc/passwd", ...["audit.log", "jobs.db", "host.json"].map((name) => `${data}/${name}`)]
      .map((path) => [read(path), REFUSED] as const),
    [write(`${data}/audit.log`), REFUSED],
    ["Deno.env.get('SECRET') ?? null", "hidden"],
    ["Deno.hostname()", REFUSED],
    ["Deno.loadavg()", REFUSED],
    [connect({ hostname: "127.0.0.1", port: port + 1 }), REFUSED],
    [connect({ hostname: "127.0.0.2", port }), REFUSED],
    [connect({ transport: "unix", path: `${data}/engine.sock` }), REFUSED],
    [listen({ hostname: "127.0.0.1", port: 0 }), REFUSED],

    [connect({ transport: "unix", path: socket }), ALLOWED],
    [connect({ hostname: "127.0.0.1", port }), ALLOWED],
  ];
  const command = agentCommand({ socket, servers: [`127.0.0.1:${port}`] });
  await assertRights(command, probes, directory.path);
  await Promise.all(accepted);
});
