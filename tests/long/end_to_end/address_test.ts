import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { TestDaemon } from "../../end_to_end/daemon.ts";

/** A daemon's address, and by what hosts the CLI reaches it on this machine. */
const CASES: readonly (readonly [address: string, hosts: readonly string[]])[] = [
  ["0.0.0.0:0", ["0.0.0.0", "127.0.0.1", "localhost"]],
  ["[::]:0", ["[::1]", "localhost"]],
  ["127.0.0.1:0", ["127.0.0.1"]],
];

for (const [address, hosts] of CASES) {
  Deno.test(`a daemon at ${address} is reached by ${hosts.join(", ")}`, async () => {
    await using certificates = await TestCertificates.create();
    await using daemon = await TestDaemon.start(certificates, { args: [`--address=${address}`] });
    assert.equal(
      (await daemon.outputs()).stdout,
      `worker-daemon listening on ${address.replace(/0$/, "")}${daemon.port}\n`,
    );
    const answers = await Promise.all(
      hosts.map((host) =>
        daemon.cli([`--address=${host}:${daemon.port}`, "run", "--", "echo", host])
      ),
    );
    for (const [index, { code, stdout, stderr }] of answers.entries()) {
      assert.deepEqual([code, stdout, stderr], [0, `${hosts[index]}\n`, ""]);
    }
  });
}

Deno.test("the CLI refuses what is no address", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await TestDaemon.start(certificates);
  const wrong = ["localhost", "::1:8080", "localhost:99999", "http://localhost:8080", ""];
  const answers = await Promise.all(
    wrong.map((address) => daemon.cli([`--address=${address}`, "list"])),
  );
  for (const [index, { code, stderr }] of answers.entries()) {
    assert.equal(code, 2);
    assert.match(
      stderr,
      /Address ".*" is not host:port, for example localhost:8080 or \[::1\]:8080/,
    );
    assert.ok(stderr.includes(JSON.stringify(wrong[index])));
  }
});
