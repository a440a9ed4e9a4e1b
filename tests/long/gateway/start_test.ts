import { createServer } from "node:net";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { failedDaemon } from "../../end_to_end/daemon.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";
import { TestHouse } from "../../gateway/fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

/** What a daemon says that cannot start; it must exit with this status. */
async function failure(status: number, ...args: readonly string[]): Promise<string> {
  await using directory = await temporaryDirectory();
  const { code, stdout, stderr } = await failedDaemon(certificates, args, { cwd: directory.path });
  assert.deepEqual({ code, stdout }, { code: status, stdout: "" }, stderr);
  assert.doesNotMatch(stderr, /\n +at /);
  return stderr.trimEnd().split("\n").at(-1) ?? "";
}

Deno.test("A daemon whose gateway cannot start before somebody mends it says why and exits with 78", async () => {
  const { key } = certificates.paths("client");
  assert.match(
    await failure(78, `--key=${key}`),
    /^worker-daemon: Private key ".*client-key\.pem" does not belong to certificate ".*server-/,
  );
  assert.match(
    await failure(78, "--cert=/nonexistent/cert.pem"),
    /^worker-daemon: Cannot read the certificate "\/nonexistent\/cert\.pem": there is no such file/,
  );
});

Deno.test("A port that another process would share counts as in use, which may pass: 1", async () => {
  for (const reusePort of [false, true]) {
    const server = createServer();
    const listening = Promise.withResolvers<void>();
    server.listen({ host: "127.0.0.1", port: 0, reusePort }, listening.resolve);
    await listening.promise;
    const bound = server.address();
    assert.ok(bound !== null && typeof bound === "object");
    const { port } = bound;
    for (const gateways of [1, 2]) {
      assert.equal(
        await failure(1, `--address=127.0.0.1:${port}`, `--gateways=${gateways}`),
        `worker-daemon: Cannot listen on 127.0.0.1:${port}: the port is in use; ` +
          "stop what uses it, or choose another",
      );
    }
    const closed = Promise.withResolvers<void>();
    server.close(() => closed.resolve());
    await closed.promise;
  }
});

Deno.test("SIGINT ends the engine and its gateways in good order", async () => {
  await using house = await TestHouse.start(certificates, {
    args: ["--gateways=2"],
    expected: /^$/,
  });
  const { code, stderr } = await house.daemon.stop("SIGINT");
  assert.equal(code, 0);
  assert.match(stderr, /INFO Shutting down: SIGINT\n$/);
});

Deno.test("A gateway leaves the signals that are for the daemon to the engine", async () => {
  await using house = await TestHouse.start(certificates, { expected: /^$/ });
  const gateway = await house.gateway();
  // A supervisor such as systemd sends them to every process of the service.
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.kill(gateway, signal);
  assert.equal((await house.daemon.cli(["list"])).code, 0);
  assert.equal(await house.gateway(), gateway);
});
