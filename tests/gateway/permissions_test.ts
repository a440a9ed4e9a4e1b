import { gatewayCommand } from "../../lib/daemon/gateway_command.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { ALLOWED, probed, PROBES, REFUSED } from "../probe.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const { read, write, connect, listen } = PROBES;

const HIDDEN = "hidden";

Deno.test("A gateway is refused whatever it does not need, and granted what it needs", async () => {
  await using certificates = await TestCertificates.create();
  await using directory = await temporaryDirectory();
  const data = `${directory.path}/data`;
  await Deno.mkdir(data);
  for (const name of ["audit.log", "jobs.db"]) await Deno.writeTextFile(`${data}/${name}`, "");
  const socket = `${data}/engine.sock`;
  using engine = Deno.listen({ transport: "unix", path: socket });
  // Nobody may come, if the test fails.
  const accepted = engine.accept().then((connection) => connection.close(), () => {});
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr;
  free.close();
  const paths = certificates.paths("server");
  const options = { socket, address: { hostname: "127.0.0.1", port }, restAddress: null };
  const probes: readonly (readonly [expression: string, expected: string])[] = [
    ...["sh", "setsid", "/bin/true", Deno.execPath()].map((program) =>
      [`new Deno.Command(${JSON.stringify(program)}).output()`, REFUSED] as const
    ),
    ["Deno.kill(Deno.ppid, 'SIGCONT')", REFUSED],
    ["process.kill(Deno.ppid, 0)", REFUSED],
    ["Deno.dlopen('libc.so.6', {})", REFUSED],
    ...[
      "/etc/passwd",
      "/proc/self/environ",
      `${data}/audit.log`,
      `${data}/jobs.db`,
      `${certificates.directory}/ca-key.pem`,
      `${certificates.directory}/client-key.pem`,
      ...Object.values(paths),
    ].map((path) => [read(path), REFUSED] as const),
    [`Array.fromAsync(Deno.readDir(${JSON.stringify(data)}))`, REFUSED],
    ...[`${data}/file`, `${data}/audit.log`, paths.cert, "/tmp/elsewhere", "elsewhere"].map(
      (path) => [write(path), REFUSED] as const,
    ),
    ["Deno.makeTempFile()", REFUSED],
    ["Deno.env.get('SECRET') ?? null", HIDDEN],
    ["Deno.env.get('WORKER_ADDRESS') ?? null", HIDDEN],
    ["process.env.SECRET ?? null", HIDDEN],
    ["Object.keys(Deno.env.toObject()).includes('SECRET') || null", HIDDEN],
    ["Deno.hostname()", REFUSED],
    ["Deno.osRelease()", REFUSED],
    ["Deno.networkInterfaces()", REFUSED],
    ["Deno.uid()", REFUSED],
    [connect({ hostname: "127.0.0.1", port: 22 }), REFUSED],
    [connect({ hostname: "127.0.0.2", port }), REFUSED],
    [connect({ hostname: "192.0.2.1", port: 80 }), REFUSED],
    [connect({ transport: "unix", path: `${data}/other.sock` }), REFUSED],
    ["fetch('https://example.com/')", REFUSED],
    ["Deno.resolveDns('example.com', 'A')", REFUSED],
    ["import('https://example.com/code.ts')", REFUSED],
    [listen({ hostname: "127.0.0.1", port: port + 1 }), REFUSED],
    [listen({ hostname: "0.0.0.0", port }), REFUSED],
    [listen({ transport: "unix", path: `${data}/mine.sock` }), REFUSED],

    [listen({ hostname: "127.0.0.1", port }), ALLOWED],
    [connect({ transport: "unix", path: socket }), ALLOWED],
    // Deno cannot grant the one without the other.
    [`Deno.remove(${JSON.stringify(socket)}).then(() => 1)`, ALLOWED],
  ];
  const outcomes = await probed(probes.map(([expression]) => expression), {
    line: [...gatewayCommand(options).slice(0, -2), "--no-config"],
    directory: directory.path,
    env: { SECRET: "secret", WORKER_ADDRESS: "secret" },
  });
  assert.deepEqual(
    outcomes.map((outcome, index) => [probes[index]?.[0], outcome]),
    probes.map(([expression, expected]) => [expression, expected]),
  );
  await accepted;
});

Deno.test("The flags of a gateway name each thing that it may use", () => {
  const options = {
    address: { hostname: "0.0.0.0", port: 8080 },
    restAddress: { hostname: "::", port: 8443 },
    socket: "/data/engine.sock",
  };
  const flags = gatewayCommand(options).filter((word) => word.startsWith("-"));
  assert.deepEqual(
    flags.filter((flag) => flag.startsWith("--allow")).map((flag) => flag.split("=")[0]),
    ["--allow-env", "--allow-net", "--allow-read", "--allow-write"],
  );
  assert.ok(flags.includes("--no-prompt") && flags.includes("--ignore-env"));
  assert.ok(flags.includes("--allow-env=OTEL_DENO_CONSOLE"));
  assert.ok(flags.includes("--cached-only"), "It loads no code from the network");
  assert.equal(
    flags.find((flag) => flag.startsWith("--allow-net")),
    "--allow-net=0.0.0.0:8080,127.0.0.1:8080,[::]:8443,[::1]:8443,unix:/data/engine.sock",
  );
  // Its certificates and users reach it over its pipe.
  const thread = new URL("../../lib/auth/bcrypt_worker.ts", import.meta.url).pathname;
  assert.equal(
    flags.find((flag) => flag.startsWith("--allow-read")),
    `--allow-read=/data/engine.sock,${thread}`,
  );
});
