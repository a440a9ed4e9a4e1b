import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { VERSION } from "../../lib/version.ts";
import { freePort } from "../free_port.ts";
import { COMMAND_HINTS, IS_SOURCE } from "../programs.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";
import { daemonLine, failedDaemon, sharedDaemon, WITHOUT_REST } from "./daemon.ts";

const daemon = await sharedDaemon();
const { certificates } = daemon;

/** What a daemon says that cannot start, in a directory of its own. */
async function refusal(args: readonly string[], expectedCode = 78): Promise<string> {
  const cwd = await Deno.makeTempDir({ prefix: "job-worker-daemon-" });
  try {
    const { code, stdout, stderr } = await failedDaemon(certificates, args, { cwd });
    assert.deepEqual([code, stdout], [expectedCode, ""], stderr);
    assert.doesNotMatch(stderr, /^ +at /m);
    return stderr;
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}

Deno.test("the daemon prints one line, with the port that it listens on", async () => {
  const { stdout } = await daemon.outputs();
  assert.match(stdout, /^worker-daemon listening on 127\.0\.0\.1:[1-9]\d*\n$/);
});

Deno.test("the daemon keeps its data to itself", async () => {
  const jobId = await daemon.ran("echo secret");
  const data = `${daemon.directory}/data`;
  for (const path of ["", "/logs", "/audit.log", `/logs/${jobId}`]) {
    const { mode } = await Deno.stat(data + path);
    assert.equal((mode ?? 0o777) & 0o077, 0, `${path}: ${mode?.toString(8)}`);
  }
  const audit = await Deno.readTextFile(`${data}/audit.log`);
  assert.match(audit, /"method":"startJob".*"argv":\["sh","-c","echo secret"\]/);
});

Deno.test("the daemon that cannot listen says where, and ends with 1 if that may pass", async () => {
  const [taken, foreign] = await Promise.all([
    refusal([`--address=${daemon.address}`], 1),
    refusal(["--address=192.0.2.1:8080"], 1),
  ]);
  assert.match(taken, new RegExp(`^worker-daemon: .*${daemon.address}.*in use`, "m"));
  assert.match(
    foreign,
    /^worker-daemon: .*192\.0\.2\.1:8080: this machine has no such address, or not yet$/m,
  );
  assert.equal((await daemon.cli(["health"])).stdout, "serving\n");
});

Deno.test("the daemon serves although nobody reads what it prints", async () => {
  await using directory = await temporaryDirectory();
  const { path: cwd } = directory;
  const address = `127.0.0.1:${freePort()}`;
  const [program = "", ...args] = daemonLine(certificates, cwd, [`--address=${address}`]);
  const options = { cwd, env: WITHOUT_REST, stdout: "piped", stderr: "null" } as const;
  const child = new Deno.Command(program, { args, ...options }).spawn();
  await child.stdout.cancel();
  await until(async () => (await daemon.cli([`--address=${address}`, "health"])).code === 0);
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 0);
});

Deno.test("the daemon refuses bad certificates and keys, naming the file", async () => {
  const { directory } = certificates;
  const { cert, key } = certificates.paths("server");
  const garbage = `${directory}/garbage.pem`;
  const readable = `${directory}/readable-key.pem`;
  const expired = await certificates.issue({
    usages: ["serverAuth"],
    notBefore: new Date(Date.now() - 120_000),
    notAfter: new Date(Date.now() - 60_000),
  });
  await Promise.all([
    Deno.writeTextFile(garbage, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", {
      mode: 0o600,
    }),
    Deno.writeTextFile(`${directory}/empty.pem`, ""),
    Deno.copyFile(key, readable).then(() => Deno.chmod(readable, 0o644)),
    Deno.writeTextFile(`${directory}/expired.pem`, expired.cert),
    Deno.writeTextFile(`${directory}/expired-key.pem`, expired.key, { mode: 0o600 }),
  ]);
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["--cert=/nowhere.pem"], /certificate "\/nowhere\.pem": there is no such file/],
    [[`--cert=${garbage}`], /certificate ".*garbage\.pem": a certificate in it is damaged/],
    [[`--key=${certificates.paths("viewer").key}`], /"[^"]*viewer-key\.pem" does not belong to/],
    [[`--key=${garbage}`], /private key ".*garbage\.pem": it is not a PEM private key/],
    [[`--key=${readable}`], /readable-key\.pem": users other than its owner .*chmod 600/],
    [[`--ca=${directory}/empty.pem`], /CA file ".*empty\.pem": there is no PEM certificate in it/],
    [[`--ca=${cert}`], /CA file ".*server-cert\.pem": .* is not a CA certificate/],
    [
      [`--cert=${directory}/expired.pem`, `--key=${directory}/expired-key.pem`],
      new RegExp(`expired\\.pem" expired on .*${COMMAND_HINTS.makeCertificates} renew`),
    ],
  ];
  const texts = await Promise.all(cases.map(([args]) => refusal(args)));
  for (const [index, [, pattern]] of cases.entries()) {
    assert.match(texts[index] ?? "", pattern);
    assert.match(texts[index] ?? "", /^worker-daemon: [A-Z]/m);
  }
});

Deno.test("the daemon refuses a data directory that it may not write", async () => {
  // Beyond what the permissions of `deno task start` allow; the executables take any directory.
  const [path, why] = IS_SOURCE
    ? ["/var/elsewhere", "Deno was not given --allow-write"]
    : ["/etc/passwd/data", "a part of the path is not a directory"];
  const [file, outside] = await Promise.all([
    refusal([`--data-dir=${certificates.paths("server").cert}`]),
    refusal([`--data-dir=${path}`]),
  ]);
  assert.match(file, /data directory "[^"]*server-cert\.pem": .*--data-dir/);
  assert.ok(outside.includes(`data directory "${path}": ${why}`), outside);
});

Deno.test("the daemon explains itself, and refuses what it does not understand with 2", async () => {
  const [unknown, address, missing] = await Promise.all([
    refusal(["--port=1"], 2),
    refusal(["--address=8080"], 2),
    refusal(["--data-dir"], 2),
  ]);
  assert.equal(unknown, 'worker-daemon: Unknown option "--port": see --help\n');
  assert.match(address, /^worker-daemon: --address "8080": must be host:port, such as 0\.0\.0\.0/);
  assert.match(missing, /^worker-daemon: --data-dir needs a value: see --help/);

  await using other = await TestCertificates.create();
  const [help, version] = await Promise.all([
    failedDaemon(other, ["--help"]),
    failedDaemon(other, ["--version"]),
  ]);
  assert.deepEqual([help.code, help.stderr], [0, ""]);
  assert.match(help.stdout, /^Usage: worker-daemon \[options\]$/m);
  assert.equal(version.code, 0);
  const [, number, build = ""] = /^worker-daemon (\S+) \((\S+)\)\n$/.exec(version.stdout) ?? [];
  assert.equal(number, VERSION);
  assert.match(build, IS_SOURCE ? /^source$/ : /^([0-9a-f]{12}\+?|unknown)$/);
});
