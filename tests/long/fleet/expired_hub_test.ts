/** A hub whose certificates have expired, or soon will: a real daemon. */

import { assert } from "../../assert.ts";
import { runDaemonProgram } from "../../daemon/programs.ts";
import { AS_ROOT } from "../../programs.ts";
import { type Dates, expired, goodFor, hubCredentials } from "../../fleet/dated.ts";
import { FleetDaemon } from "../../fleet/test_daemons.ts";
import { TestHub } from "../../fleet/test_hub.ts";

/** Gives a hub certificates with these dates: for its connection, for its signatures, or both. */
async function renew(hub: TestHub, dates: Dates, uses: readonly ("tls" | "sign")[]): Promise<void> {
  const credentials = await hubCredentials(hub, dates);
  for (const use of uses) {
    await Deno.writeTextFile(hub.path(`hub-${use}-cert.pem`), credentials[use].cert);
    await Deno.writeTextFile(hub.path(`hub-${use}-key.pem`), credentials[use].key);
  }
}

Deno.test("A hub with a certificate that has expired does not start, and names it", async () => {
  for (const use of ["tls", "sign"] as const) {
    await using hub = await TestHub.make();
    await renew(hub, expired(), [use]);
    const line = [`--config=${hub.directory}/job-worker.json`, "--address=127.0.0.1:0", ...AS_ROOT];
    for (const more of [["--check-config"], []]) {
      const { code, stderr } = await runDaemonProgram([...line, ...more]);
      assert.equal(code, 78, stderr);
      assert.match(
        stderr,
        new RegExp(
          `/fleet": hub-${use}-cert\\.pem expired on 20\\S+Z; run \`worker-daemon init --hub`,
        ),
      );
    }
  }
});

Deno.test("A hub does not start with a key that is not its own", async () => {
  await using hub = await TestHub.make();
  await using other = await TestHub.make();
  await Deno.copyFile(other.path("hub-sign-key.pem"), hub.path("hub-sign-key.pem"));
  const { code, stderr } = await runDaemonProgram([
    `--config=${hub.directory}/job-worker.json`,
    ...AS_ROOT,
    "--check-config",
  ]);
  assert.equal(code, 78);
  assert.match(stderr, /hub-sign-key\.pem is not the key of hub-sign-cert\.pem\n$/);
});

Deno.test("A hub whose certificates will have expired in some days says so, and starts", async () => {
  await using hub = await TestHub.make();
  await renew(hub, goodFor(10), ["tls", "sign"]);
  await using daemon = new FleetDaemon(
    hub.directory,
    [`--config=${hub.directory}/job-worker.json`, ...AS_ROOT],
    [`--allow-net=127.0.0.1:${hub.port}`],
  );
  await daemon.start();
  await daemon.says(
    /certificate of this hub, in \S+fleet, expires in 10 days: run `worker-daemon init --hub/,
  );
});
