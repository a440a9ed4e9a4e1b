import { Socket } from "node:net";
import { exporterCommand } from "../../lib/daemon/exporter_command.ts";
import { abortable } from "../../lib/async/abortable.ts";
import { ExporterConnections } from "../../lib/daemon/exporter_connections.ts";
import { ExporterServer } from "../../lib/daemon/exporter_server.ts";
import { assert } from "../assert.ts";
import { ALLOWED, assertRights, PROBES, REFUSED } from "../probe.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const { read, write, connect, listen } = PROBES;

const ANYWHERE = { hostname: "127.0.0.1", port: 0 };

Deno.test("An exporter is refused everything but to listen", async () => {
  await using directory = await temporaryDirectory();
  const data = `${directory.path}/data`;
  await Deno.mkdir(data);
  for (const name of ["audit.log", "jobs.db"]) await Deno.writeTextFile(`${data}/${name}`, "");
  using _engine = Deno.listen({ transport: "unix", path: `${data}/engine.sock` });
  const free = Deno.listen(ANYWHERE);
  const { port } = free.addr;
  free.close();
  const probes: readonly (readonly [expression: string, expected: string])[] = [
    ["new Deno.Command('setsid').output()", REFUSED],
    ["Deno.kill(Deno.ppid, 'SIGCONT')", REFUSED],
    ["Deno.dlopen('libc.so.6', {})", REFUSED],
    ...["/etc/passwd", `${data}/audit.log`, `${data}/jobs.db`].map((path) =>
      [read(path), REFUSED] as const
    ),
    [`Array.fromAsync(Deno.readDir(${JSON.stringify(data)}))`, REFUSED],
    [write(`${data}/audit.log`), REFUSED],
    ["Deno.makeTempFile()", REFUSED],
    ["Deno.env.get('SECRET') ?? null", "hidden"],
    ["Deno.hostname()", REFUSED],
    ["Deno.uid()", REFUSED],
    [connect({ hostname: "127.0.0.1", port: 22 }), REFUSED],
    [connect({ hostname: "127.0.0.2", port }), REFUSED],
    [connect({ transport: "unix", path: `${data}/engine.sock` }), REFUSED],
    ["fetch('https://example.com/')", REFUSED],
    [listen({ hostname: "127.0.0.1", port: port + 1 }), REFUSED],
    [listen({ hostname: "0.0.0.0", port }), REFUSED],
    [listen({ transport: "unix", path: `${data}/mine.sock` }), REFUSED],

    [listen({ hostname: "127.0.0.1", port }), ALLOWED],
  ];
  const command = exporterCommand({ hostname: "127.0.0.1", port });
  await assertRights(command, probes, directory.path);
});

Deno.test("The flags of an exporter name its address, and nothing else", () => {
  const allowed = (hostname: string, port: number) =>
    exporterCommand({ hostname, port }).filter((word) =>
      /^--allow-(?!env=OTEL_DENO_CONSOLE$)/.test(word)
    );
  assert.deepEqual(allowed("::", 9464), ["--allow-net=[::]:9464"]);
  assert.deepEqual(allowed("::1", 0), ["--allow-net=[::1]"]);
  assert.deepEqual(allowed("127.0.0.1", 0), ["--allow-net=127.0.0.1"]);
});

Deno.test("ExporterServer answers GET and HEAD of /metrics, and says what is wrong with the rest", async () => {
  let text = Promise.resolve("a 1\n");
  await using server = await ExporterServer.listen(ANYWHERE, () => text);
  const base = `http://127.0.0.1:${server.address.port}`;
  const answered = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(base + path, init);
    return [response.status, response.headers.get("content-type"), await response.text()];
  };
  const metrics = "text/plain; version=0.0.4; charset=utf-8";
  const plain = "text/plain; charset=utf-8";
  assert.deepEqual(await answered("/metrics"), [200, metrics, "a 1\n"]);
  assert.deepEqual(await answered("/metrics?x=y"), [200, metrics, "a 1\n"]);
  assert.deepEqual(await answered("/metrics", { method: "HEAD" }), [200, metrics, ""]);
  assert.deepEqual(await answered("/"), [404, plain, "See /metrics\n"]);
  assert.deepEqual(await answered("/metrics/"), [404, plain, "See /metrics\n"]);
  const post = { method: "POST", body: "x".repeat(100_000) };
  assert.deepEqual(await answered("/metrics", post), [405, plain, "Only GET and HEAD\n"]);
  text = Promise.reject(new Error("secret"));
  text.catch(() => {});
  assert.deepEqual(await answered("/metrics"), [503, plain, "The daemon is shutting down\n"]);
});

Deno.test("ExporterServer leaves whoever asks again before they have their answer", async () => {
  const asked = Promise.withResolvers<string>();
  await using server = await ExporterServer.listen(ANYWHERE, () => asked.promise);
  using client = await Deno.connect(server.address);
  const request = "GET /metrics HTTP/1.1\r\nHost: metrics\r\n\r\n";
  await client.write(new TextEncoder().encode(request.repeat(2)));
  // It is closed by an end or by a reset, though there is no answer yet.
  const closed = client.read(new Uint8Array(1)).catch(() => null);
  assert.equal(await abortable(closed, AbortSignal.timeout(30_000)), null);
  asked.resolve("");
});

Deno.test("ExporterServer answers a newcomer, however many others are there who ask nothing", async () => {
  await using server = await ExporterServer.listen(ANYWHERE, () => Promise.resolve("a 1\n"));
  await using others = new AsyncDisposableStack();
  const silent: Deno.Conn[] = [];
  for (let at = 0; at < 100; at++) silent.push(others.use(await Deno.connect(server.address)));
  using http = Deno.createHttpClient({});
  const asked = await fetch(`http://127.0.0.1:${server.address.port}/metrics`, { client: http });
  assert.equal(await asked.text(), "a 1\n");
  // Those that have been there for longest had to go.
  const read = (connection?: Deno.Conn) => connection?.read(new Uint8Array(1)).catch(() => null);
  assert.deepEqual(await Promise.all(silent.slice(0, 60).map(read)), Array(60).fill(null));
});

Deno.test("ExporterConnections closes neither who is being answered, nor who came last", () => {
  using timers = new FakeTimers();
  const connections = new ExporterConnections({ max: 2, answerWithinMs: 1_000 });
  const taken = () => {
    const socket = new Socket();
    connections.take(socket);
    return socket;
  };
  const [first, second] = [taken(), taken()];
  assert.ok(connections.asks(first));
  assert.ok(!connections.asks(first), "It has no answer yet");
  const third = taken();
  assert.deepEqual([first, second, third].map(({ destroyed }) => destroyed), [false, true, false]);
  assert.ok(connections.asks(third));
  assert.ok(taken().destroyed, "All others are being answered");
  connections.answered(first);
  const last = taken();
  assert.deepEqual([first, third, last].map(({ destroyed }) => destroyed), [true, false, false]);
  timers.pass(1_000);
  assert.ok(third.destroyed, "It does not take its answer");
  assert.ok(!last.destroyed);
});

Deno.test("ExporterServer says why it cannot listen", async () => {
  await using server = await ExporterServer.listen(ANYWHERE, () => Promise.resolve(""));
  await assert.rejects(
    ExporterServer.listen(server.address, () => Promise.resolve("")),
    { code: "unavailable", message: /^Cannot listen on 127\.0\.0\.1:\d+: the port is in use/ },
  );
});
