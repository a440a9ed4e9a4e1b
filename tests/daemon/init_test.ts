import { X509Certificate } from "node:crypto";
import { hostname } from "node:os";
import unit from "../../deploy/worker-daemon.service" with { type: "text" };
import { loadTlsMaterial } from "../../lib/auth/tls_material.ts";
import { loadPasswordFile } from "../../lib/auth/password_file.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { runDaemonProgram as daemon } from "./programs.ts";

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

Deno.test("init makes all that a first start needs, and --check-config finds it good", async () => {
  await using directory = await temporaryDirectory();
  const place = `${directory.path}/new`;
  const { code, stdout, stderr } = await daemon([
    "init",
    `--dir=${place}`,
    "--host=worker.example",
    "--job-user=nobody",
  ]);
  assert.deepEqual([code, stderr], [0, ""]);
  const config = JSON.parse(await Deno.readTextFile(`${place}/job-worker.json`));
  assert.deepEqual(config, {
    address: "0.0.0.0:8080",
    cert: "certs/server-cert.pem",
    key: "certs/server-key.pem",
    ca: "certs/ca-cert.pem",
    users: "certs/users.htpasswd",
    "data-dir": "data",
    "job-user": "nobody",
  });
  for (const [path, mode] of [["data", 0o700], ["certs/ca-key.pem", 0o600]] as const) {
    assert.equal(await modeOf(`${place}/${path}`), mode);
  }
  for (const name of ["ca-cert.pem", "client-key.pem", "server-cert.pem"]) {
    assert.match(stdout, new RegExp(`^${place}/certs/${name} `, "m"));
  }
  assert.match(stdout, /localhost, .*worker\.example/);
  const { subjectAltName } = new X509Certificate(
    await Deno.readTextFile(`${place}/certs/server-cert.pem`),
  );
  assert.ok(subjectAltName?.split(", ").includes(`DNS:${hostname()}`));
  assert.match(
    stdout,
    new RegExp(`^Next: worker-daemon --config=${place}/job-worker\\.json$`, "m"),
  );
  await loadTlsMaterial({
    cert: `${place}/certs/client-cert.pem`,
    key: `${place}/certs/client-key.pem`,
    ca: `${place}/certs/ca-cert.pem`,
  }, "client");
  const check = await daemon(["--check-config", `--config=${place}/job-worker.json`]);
  assert.deepEqual(check, { code: 0, stdout: "The configuration is good\n", stderr: "" });
});

Deno.test("init overwrites nothing without --force, and then makes nothing either", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  await Deno.writeTextFile(`${path}/job-worker.json`, "mine");
  const refused = await daemon(["init", `--dir=${path}`]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, new RegExp(`Cannot make "${path}/job-worker.json": .*--force`));
  assert.deepEqual(await Array.fromAsync(Deno.readDir(path), ({ name }) => name), [
    "job-worker.json",
  ]);
  assert.equal((await daemon(["init", `--dir=${path}`, "--force"])).code, 0);
  const first = await Deno.readTextFile(`${path}/certs/ca-cert.pem`);
  await Deno.remove(`${path}/job-worker.json`);
  const again = await daemon(["init", `--dir=${path}`]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /certs\/ca-cert\.pem.* would be overwritten/);
  assert.equal(await Deno.readTextFile(`${path}/certs/ca-cert.pem`), first);
  assert.equal((await daemon(["init", `--dir=${path}`, "--force"])).code, 0);
  assert.notEqual(await Deno.readTextFile(`${path}/certs/ca-cert.pem`), first);
  // Others may no longer change what they could.
  await Deno.chmod(`${path}/job-worker.json`, 0o666);
  assert.equal((await daemon(["init", `--dir=${path}`, "--force"])).code, 0);
  assert.equal(((await Deno.stat(`${path}/job-worker.json`)).mode ?? 0) & 0o777, 0o644);
});

Deno.test("init makes an admin of REST, with a password that is told once or given", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const { stdout } = await daemon(["init", `--dir=${path}`, "--user=alice"]);
  assert.match(stdout, /"alice", an admin, whose password is \w{20} \(shown this once\)/);
  const alice = (await loadPasswordFile(`${path}/certs/users.htpasswd`))?.get("alice");
  assert.deepEqual(alice?.roles, ["admin"]);

  const variables = { WORKER_PASSWORD: "correct horse" };
  const given = await daemon(["init", `--dir=${path}/2`, "--user=bob"], variables);
  assert.equal(given.code, 0);
  assert.doesNotMatch(given.stdout, /password|correct/);
});

Deno.test("init writes a unit that starts this program with this configuration", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const variables = { WORKER_EXECUTABLE: "/opt/job-worker/worker-daemon" };
  const { stdout } = await daemon(["init", `--dir=${path}`, "--systemd", "--system"], variables);
  assert.match(
    stdout,
    new RegExp(
      `^Next: systemctl enable --now ${path}/worker-daemon-jobs.service ` +
        `${path}/worker-daemon.socket ${path}/worker-daemon.service$`,
      "m",
    ),
  );
  const unit = await Deno.readTextFile(`${path}/worker-daemon.service`);
  const command = `/opt/job-worker/worker-daemon --config=${path}/job-worker.json`;
  assert.ok(unit.includes(`\nExecStart=${command}\n`));
  assert.ok(unit.includes(`\nExecReload=${command} --check-config\n`));
  assert.match(unit, /^NoNewPrivileges=yes$/m);
  // Its jobs could be no more than it is.
  await daemon(
    ["init", `--dir=${path}/root`, "--systemd", "--system", "--job-user=root"],
    variables,
  );
  const free = await Deno.readTextFile(`${path}/root/worker-daemon.service`);
  assert.doesNotMatch(free, /^(CapabilityBoundingSet|NoNewPrivileges|SystemCallFilter)=/m);
  assert.match(free, /^OOMScoreAdjust=/m);
  // The users of this machine decide.
  const users = await Deno.readTextFile("/etc/passwd");
  assert.notEqual(/ job-worker-gateway$/m.test(stdout), /^job-worker-gateway:/m.test(users));
  // What is in the socket unit is what the configuration says.
  const { address } = JSON.parse(await Deno.readTextFile(`${path}/job-worker.json`));
  const sockets = await Deno.readTextFile(`${path}/worker-daemon.socket`);
  assert.deepEqual(sockets.match(/(?<=^ListenStream=).*/gm), [address, "0.0.0.0:8443"]);
  const strange = `${path}/100% "mine" $HOME`;
  await daemon(["init", `--dir=${strange}`, "--systemd"], variables);
  const quoted = `"--config=${path}/100%% \\"mine\\" $$HOME/job-worker.json"\n`;
  assert.ok((await Deno.readTextFile(`${strange}/worker-daemon.service`)).includes(quoted));
});

Deno.test("init says how it is used, and names what it does not understand", async () => {
  const help = await daemon(["init", "--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^Usage: worker-daemon init/);
  const wrong = {
    "--frobnicate": 'Unknown option "--frobnicate": see init --help',
    "--forc": 'Unknown option "--forc": did you mean --force?',
    "word": 'Unexpected argument "word": see init --help',
    "--dir": "--dir needs a value: see init --help",
  };
  for (const [word, why] of Object.entries(wrong)) {
    const { code, stderr } = await daemon(["init", word]);
    assert.equal(code, 2, word);
    assert.equal(stderr, `worker-daemon: ${why}\n`);
  }
});

Deno.test("--check-config ends with a status after which the unit is not restarted: 2 for wrong options, 78 for the rest", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  await daemon(["init", `--dir=${path}`, "--job-user=nobody"]);
  const check = (...args: string[]) =>
    daemon(["--check-config", `--config=${path}/job-worker.json`, ...args]);
  const wrong: [string, number, RegExp][] = [
    ["--key=/nonexistent", 78, /Cannot read the private key "\/nonexistent"/],
    [`--key=${path}/certs/client-key.pem`, 78, /does not belong to certificate/],
    [`--data-dir=${path}/job-worker.json`, 78, /Cannot use the data directory .* not a directory/],
    [`--data-dir=${path}/open`, 78, /others than its owner may write in it; run `chmod go-w /],
    [`--data-dir=/${"long".repeat(30)}`, 78, /at most 91 leave room for the socket/],
    ["--job-user=no-such-user", 78, /"no-such-user": there is no such user on this machine/],
    ["--gateway-user=no-such-user", 78, /"no-such-user": there is no user/],
    ["--deny-list=/nonexistent", 78, /Cannot use the deny list "\/nonexistent"/],
    ["--gateways=0", 2, /must be a whole number from 1 to 64/],
    ["--frobnicate", 2, /Unknown option/],
  ];
  await Deno.mkdir(`${path}/open`);
  await Deno.chmod(`${path}/open`, 0o777);
  for (const [arg, code, message] of wrong) {
    const outcome = await check(arg);
    assert.equal(outcome.code, code, arg);
    assert.match(outcome.stderr, message);
  }
  assert.match(unit, /^RestartPreventExitStatus=2 78$/m);
  await Deno.writeTextFile(`${path}/certs/users.htpasswd`, "alice:plain\n");
  const users = await check();
  assert.equal(users.code, 78);
  assert.match(users.stderr, /line 1 of the users file/);
  const good = { code: 0, stdout: "The configuration is good\n", stderr: "" };
  assert.deepEqual(await check("--rest-address=off"), good, "Nobody reads that file then");
  if (Deno.uid() !== 0) return;
  const { code, stderr } = await check("--rest-address=off", "--job-user=");
  assert.equal(code, 78);
  assert.match(stderr, /The daemon runs as root, and so would every job/);
});

Deno.test("--check-config takes a data directory as long as its socket lets it be, and none longer", async () => {
  await using directory = await temporaryDirectory();
  await daemon(["init", `--dir=${directory.path}`, "--job-user=nobody"]);
  const longest = `${directory.path}/`.padEnd(91, "x");
  for (const [path, expected] of [[longest, 0], [`${longest}x`, 78]] as const) {
    const config = `--config=${directory.path}/job-worker.json`;
    const { code, stderr } = await daemon(["--check-config", config, `--data-dir=${path}`]);
    assert.equal(code, expected, stderr);
  }
});

Deno.test("permissions tells what an engine needs: a directory, its sockets and setsid", async () => {
  await using directory = await temporaryDirectory();
  const data = `${directory.path}/with space`;
  const { stdout } = await daemon(["permissions", `--data-dir=${data}`]);
  const flags = stdout.trimEnd().split("\n");
  const sockets = ["engine", "executor.0", "executor.1", "executor.2", "executor.3"]
    .map((name) => `unix:${data}/${name}.sock`);
  assert.deepEqual(flags.toSorted(), [
    `--allow-net=${sockets.join(",")}`,
    "--allow-run=/usr/bin/setsid",
    `--allow-write=${data}`,
  ]);
  const supervised = await daemon(["permissions", `--data-dir=${data}`], {
    NOTIFY_SOCKET: "/run/notify",
  });
  assert.deepEqual(supervised.stdout.trimEnd().split("\n").toSorted(), [
    `--allow-net=${sockets.join(",")},unix:${data}/notify.sock,unix:/run/notify`,
    "--allow-run=/usr/bin/setsid",
    `--allow-write=${data},/run/notify`,
  ]);
  // The permissions are those from source, but for the place of the data.
  const { tasks } = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  const kinds = (all: readonly string[]) =>
    all.filter((flag) => /^--allow-(net|run|write)/.test(flag))
      .map((flag) => flag.replace(/=.*/, "")).toSorted();
  assert.deepEqual(kinds(flags), kinds(tasks.start.command.split(" ")));
  const comma = await daemon(["permissions", "--data-dir=a,b"]);
  assert.deepEqual([comma.code, comma.stdout], [2, ""]);
  assert.match(comma.stderr, /a,b": choose one without a comma/);
  assert.deepEqual(await daemon(["permissions", "--help"]), { code: 0, stdout: "", stderr: "" });
  const init = await daemon(["permissions", "init", `--dir=${directory.path}`]);
  assert.match(
    init.stdout,
    new RegExp(`^--allow-write=${directory.path},${directory.path}/data$`, "m"),
  );
});

Deno.test("init says in words why a directory cannot be made, and what to do about it", async () => {
  const { mkdir } = Deno;
  const denied = new Deno.errors.PermissionDenied("Permission denied (os error 13): mkdir '/x'");
  Object.assign(denied, { code: "EACCES" });
  // Root is denied nothing.
  Object.assign(Deno, { mkdir: () => Promise.reject(denied) });
  try {
    const { code, stderr } = await daemon(["init", "--dir=/x"]);
    assert.equal(code, 78);
    assert.equal(
      stderr,
      'worker-daemon: Cannot make the directory "/x": permission denied; run it as root, or choose ' +
        "another with --dir\n",
    );
  } finally {
    Object.assign(Deno, { mkdir });
  }
  const { stderr } = await daemon(["init", "--dir=/dev/null/x"]);
  assert.match(stderr, /"\/dev\/null\/x": a part of the path is not a directory\n$/);
});
