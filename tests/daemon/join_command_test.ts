import { assert } from "../assert.ts";
import { TestHub } from "../fleet/test_hub.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { runDaemonProgram as daemon } from "./programs.ts";

async function configOf(directory: string): Promise<Record<string, unknown>> {
  return JSON.parse(await Deno.readTextFile(`${directory}/job-worker.json`));
}

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

Deno.test("join is all where there is no daemon yet: it makes what one needs", async () => {
  await using hub = await TestHub.make("web-1");
  await using directory = await temporaryDirectory();
  const place = `${directory.path}/new`;
  const { code, stdout, stderr } = await daemon(["join", hub.joinPath("web-1"), `--dir=${place}`]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal((await configOf(place)).fleet, "fleet/host.json");
  assert.equal(await modeOf(`${place}/fleet/host.json`), 0o600);
  assert.equal(
    await Deno.readTextFile(`${place}/fleet/host.json`),
    await Deno.readTextFile(hub.joinPath("web-1")),
  );
  assert.match(stdout, new RegExp(`^${place}/certs/ca-cert\\.pem `));
  assert.match(
    stdout,
    new RegExp(`\\n${place}/fleet/host\\.json {2}by which this host is web-1 in the fleet main\\n`),
  );
  assert.ok(stdout.includes(`\nAlso: rm ${hub.joinPath("web-1")}    which holds its keys, too\n`));
  const check = await daemon([
    "--check-config",
    `--config=${place}/job-worker.json`,
    "--job-user=nobody",
  ]);
  assert.deepEqual(check, { code: 0, stdout: "The configuration is good\n", stderr: "" });
});

Deno.test("join leaves a daemon that is there as it is, but for the fleet", async () => {
  await using hub = await TestHub.make("web-1");
  await using directory = await temporaryDirectory();
  const { path } = directory;
  assert.equal((await daemon(["init", `--dir=${path}`])).code, 0);
  const before = { ...await configOf(path), "max-running": 3 };
  await Deno.writeTextFile(`${path}/job-worker.json`, JSON.stringify(before));
  await Deno.chmod(`${path}/job-worker.json`, 0o640);
  const ca = await Deno.readTextFile(`${path}/certs/ca-cert.pem`);
  const { code, stdout } = await daemon(["join", hub.joinPath("web-1"), `--dir=${path}`]);
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`^${path}/fleet/host\\.json `));
  assert.deepEqual(await configOf(path), { ...before, fleet: "fleet/host.json" });
  assert.equal(await modeOf(`${path}/job-worker.json`), 0o640);
  assert.equal(await Deno.readTextFile(`${path}/certs/ca-cert.pem`), ca);
});

Deno.test("join takes new keys for the same host, and another name or fleet with --force only", async () => {
  await using hub = await TestHub.make("web-1", "web-2");
  await using other = await TestHub.make("web-1");
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const join = (file: string, ...flags: string[]) =>
    daemon(["join", file, `--dir=${path}`, ...flags]);
  assert.equal((await join(hub.joinPath("web-1"))).code, 0);
  const place = `${path}/fleet/host.json`;
  const first = await Deno.readTextFile(place);
  await Deno.remove(hub.joinPath("web-1"));
  await hub.add("web-1", "--force");
  assert.equal((await join(hub.joinPath("web-1"))).code, 0);
  const second = await Deno.readTextFile(place);
  assert.notEqual(second, first);
  const renamed = await join(hub.joinPath("web-2"));
  assert.deepEqual([renamed.code, renamed.stdout], [1, ""]);
  assert.match(
    renamed.stderr,
    /Cannot join the fleet "main" as "web-2": this is "web-1" of the fleet "main"; use --force to leave that/,
  );
  assert.equal(await Deno.readTextFile(place), second);
  assert.equal((await join(hub.joinPath("web-2"), "--force")).code, 0);
  await Deno.writeTextFile(place, "garbled");
  const garbled = await join(other.joinPath("web-1"));
  assert.equal(garbled.code, 78);
  assert.match(garbled.stderr, /fleet\/host\.json": it is not JSON.*; --force replaces it\n$/);
  assert.equal((await join(other.joinPath("web-1"), "--force")).code, 0);
});

Deno.test("join makes nothing of a file that does not let this host join", async () => {
  await using hub = await TestHub.make("web-1");
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const file = hub.joinPath("web-1");
  const text = JSON.parse(await Deno.readTextFile(file));
  await Deno.writeTextFile(file, JSON.stringify({ ...text, host: "web-2" }));
  const cases: [string[], number, RegExp][] = [
    [[], 2, /The file is missing\nUsage: /],
    [[file, "x"], 2, /Unexpected argument "x"\nUsage: /],
    [[file, "--dirs=x"], 2, /Unknown option "--dirs": did you mean --dir\?\n$/],
    [[file], 78, /tls\.cert is not for the host "web-2" of the fleet "main"\n$/],
    [[`${path}/none`], 78, /Cannot use ".*none": no such file/i],
  ];
  for (const [args, status, message] of cases) {
    const { code, stdout, stderr } = await daemon(["join", ...args, `--dir=${path}/new`]);
    assert.deepEqual([code, stdout], [status, ""]);
    assert.match(stderr, message);
  }
  assert.deepEqual(await Array.fromAsync(Deno.readDir(path)), []);
  assert.match((await daemon(["join", "--help"])).stdout, /^Usage: worker-daemon join FILE/);
});

Deno.test("A hub does not join a fleet", async () => {
  await using hub = await TestHub.make("web-1");
  const config = await configOf(hub.directory);
  const { code, stderr } = await daemon(["join", hub.joinPath("web-1"), `--dir=${hub.directory}`]);
  assert.equal(code, 78);
  assert.match(stderr, /it is the configuration of a hub, which runs no jobs\n$/);
  assert.deepEqual(await configOf(hub.directory), config);
});

Deno.test("--check-config says what is wrong with the file of a fleet", async () => {
  await using hub = await TestHub.make("web-1");
  await using directory = await temporaryDirectory();
  const { path } = directory;
  assert.equal((await daemon(["join", hub.joinPath("web-1"), `--dir=${path}`])).code, 0);
  const check = async (place: string, ...flags: string[]) => {
    const line = ["--check-config", `--config=${place}/job-worker.json`, ...flags];
    const { code, stderr } = await daemon(line);
    assert.equal(code, 78);
    return stderr;
  };
  await Deno.chmod(`${path}/fleet/host.json`, 0o644);
  assert.match(
    await check(path, "--job-user=nobody"),
    /host\.json": others than its owner may read/,
  );
  assert.match(await check(hub.directory, "--fleet="), /--hub needs --fleet: the file fleet\.json/);
  await Deno.writeTextFile(hub.path("hosts/web-1.json"), "{}");
  assert.match(await check(hub.directory), /hosts\/web-1\.json": Missing version: must be 1\n$/);
});
