import { notifierCommand } from "../../lib/daemon/notifier_command.ts";
import { assert } from "../assert.ts";
import { ALLOWED, assertRights, PROBES, REFUSED } from "../probe.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const { read, write, connect, listen } = PROBES;

Deno.test("A notifier is refused whatever it does not need, and granted what it needs", async () => {
  await using directory = await temporaryDirectory();
  for (const name of ["jobs.db", "notify.key", "audit.log"]) {
    await Deno.writeTextFile(`${directory.path}/${name}`, "");
  }
  using hooks = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = hooks.accept().then((connection) => connection.close(), () => {});
  const { port } = hooks.addr;
  const probes: readonly (readonly [expression: string, expected: string])[] = [
    ["new Deno.Command('setsid').output()", REFUSED],
    ["Deno.kill(Deno.ppid, 'SIGCONT')", REFUSED],
    ...["/etc/passwd", ...["jobs.db", "notify.key"].map((name) => `${directory.path}/${name}`)]
      .map((path) => [read(path), REFUSED] as const),
    [write(`${directory.path}/audit.log`), REFUSED],
    ["Deno.env.get('SECRET') ?? null", "hidden"],
    ["Deno.hostname()", REFUSED],
    [connect({ hostname: "127.0.0.1", port: port + 1 }), REFUSED],
    [connect({ hostname: "127.0.0.2", port }), REFUSED],
    [connect({ transport: "unix", path: `${directory.path}/engine.sock` }), REFUSED],
    [listen({ hostname: "127.0.0.1", port: 0 }), REFUSED],

    [connect({ hostname: "127.0.0.1", port }), ALLOWED],
  ];
  const command = notifierCommand([`127.0.0.1:${port}`]);
  await assertRights(command, probes, directory.path);
  await accepted;
});

Deno.test("notifierCommand() names the port of https, and is never without a host", () => {
  const flags = notifierCommand(["hooks.example", "[2001:db8::1]:8443"]);
  assert.ok(flags.includes("--allow-net=hooks.example:443,[2001:db8::1]:8443"), flags.join(" "));
  assert.deepEqual(flags.filter((flag) => /^--allow-(?!net)/.test(flag)), [
    "--allow-env=OTEL_DENO_CONSOLE",
  ]);
  assert.throws(() => notifierCommand([]), /could call everybody/);
});
