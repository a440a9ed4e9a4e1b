import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { runCli } from "./fake_daemon.ts";
import { jsonLines } from "./jobs.ts";

/** Runs `certs` on the CA of a directory. */
async function certs(directory: string, line: string) {
  return await runCli(["certs", ...line.split(" ").filter(Boolean), "--dir", directory]);
}

Deno.test("certs list says which of several certificates of a user is in the file", async () => {
  await using directory = await temporaryDirectory();
  await certs(directory.path, "");
  await certs(directory.path, "add alice --role viewer");
  await certs(directory.path, "renew alice --days 7");
  const { stdout } = await certs(directory.path, "list");
  const rows = stdout.trimEnd().split("\n").map((line) => line.split("\t"));
  const files = (name: string) => rows.filter((row) => row[1] === name).map((row) => row.at(-2));
  // Made within one second, they may come in any order.
  assert.deepEqual(files("alice").sort(), ["-", "alice-cert.pem"]);
  assert.deepEqual(files("admin"), ["client-cert.pem"]);
  assert.deepEqual(files("worker-daemon"), ["server-cert.pem"]);

  const listed = jsonLines((await certs(directory.path, "list --json")).stdout) as {
    readonly name: string;
    readonly files: readonly string[];
  }[];
  assert.deepEqual(
    listed.filter(({ name }) => name === "alice").flatMap(({ files }) => files),
    [`${directory.path}/alice-cert.pem`],
  );
});

Deno.test("certs renew refuses names of a server for who is none, and changes nothing", async () => {
  await using directory = await temporaryDirectory();
  await certs(directory.path, "");
  const cert = `${directory.path}/viewer-cert.pem`;
  const before = await Deno.readTextFile(cert);
  const refused = await certs(directory.path, "renew viewer --host new.example");
  assert.deepEqual([refused.exitStatus, refused.stdout], [2, ""]);
  assert.match(refused.stderr, /Cannot renew "viewer" with --host: .* renew server --host NAME/);
  assert.equal(await Deno.readTextFile(cert), before);
  const all = await certs(directory.path, "renew --host new.example");
  assert.equal(all.exitStatus, 0, all.stderr);
});
