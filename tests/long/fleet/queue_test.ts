/** The queue of a real hub: who may still start what waits, and what is on its disk. */

import { X509Certificate } from "node:crypto";
import { until } from "../../worker/fixture.ts";
import { assert } from "../../assert.ts";
import { natsTest } from "../../fleet/nats_server.ts";
import { TestDaemons } from "../../fleet/test_daemons.ts";

natsTest(
  "What waits at a hub outlives it, is sealed on its disk, and dies with the certificate",
  async () => {
    await using fleet = await TestDaemons.start({ "web-1": ["--slots=1"] });
    const certs = `${fleet.files.directory}/certs`;
    const running = (await fleet.printed("start", "--", "sleep", "1000")).trim();
    const secret = `secret-${crypto.randomUUID()}`;
    const ours =
      (await fleet.printed("start", "--env", `TOKEN=${secret}`, "--", "sh", "-c", 'echo "$TOKEN"'))
        .trim();
    await using operator = fleet.startCli([
      ...[`--cert=${certs}/operator-cert.pem`, `--key=${certs}/operator-key.pem`],
      ...["start", "--", "true"],
    ]);
    const theirs = (await operator.finished()).stdout.trim();
    assert.match(
      await fleet.printed("status", theirs),
      /^Place: +1st of 2, since 1 of 1 host is full$/m,
    );
    await fleet.hub.kill();
    await assertNowhere(secret, `${fleet.hub.directory}/data`);
    const { serialNumber } = new X509Certificate(
      await Deno.readTextFile(`${certs}/operator-cert.pem`),
    );
    await Deno.writeTextFile(`${certs}/deny-list.txt`, `${serialNumber}\n`, { append: true });
    await fleet.hub.start();
    await fleet.waitFor("web-1", "online");
    await fleet.printed("stop", running);
    await fleet.printed("wait", ours);
    assert.equal(await fleet.printed("output", ours), `${secret}\n`);
    await assertNowhere(secret, `${fleet.hub.directory}/data`);
    const ended = JSON.parse(
      await until(async () => {
        const text = await fleet.printed("status", theirs, "--json");
        return JSON.parse(text).status === "failed" && text;
      }),
    );
    assert.deepEqual([ended.reason, ended.startDate], ["start_failed", null]);
    assert.match(ended.detail, /was revoked before its turn came/);
  },
);

async function assertNowhere(secret: string, directory: string): Promise<void> {
  for await (const { name, isFile } of Deno.readDir(directory)) {
    if (!isFile) continue;
    const bytes = await Deno.readFile(`${directory}/${name}`);
    assert.ok(!new TextDecoder("latin1").decode(bytes).includes(secret), name);
  }
}
