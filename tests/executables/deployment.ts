import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";
import { rootTest } from "../root.ts";
import { WITH_OWN_VAR_CACHE } from "../var_cache.ts";
import type { Executables } from "./executables.ts";

const SCRIPTS = [
  "deploy/install.sh",
  "deploy/uninstall.sh",
  "lib/daemon/start_executor.sh",
  "lib/daemon/close_descriptors.sh",
];

/** Runs a program of the system, if it is there. */
async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; stdout: string; stderr: string } | null> {
  try {
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: [...args],
      env: { ...env },
    }).output();
    const [out = "", err = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { code, stdout: out, stderr: err };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function pathsBelow(directory: string): Promise<string[]> {
  const { stdout = "" } = await run("find", [directory, "!", "-type", "d"]) ?? {};
  return stdout.trim().split("\n").map((path) => path.slice(directory.length)).toSorted();
}

/** A directory of our own, as the root of a system is root's: from no other would root run anything. */
async function makeRoot({ directory }: Executables): Promise<string> {
  const root = await Deno.makeTempDir({ dir: directory, prefix: "root-" });
  await Deno.chmod(root, 0o755);
  return root;
}

/** What is in `deploy/`, as far as one machine can tell. */
export function testDeployment(executables: Executables): void {
  Deno.test("install.sh installs all it says below a root, and uninstall.sh removes it", async () => {
    const root = await makeRoot(executables);
    await Deno.mkdir(`${root}/usr/share/bash-completion/completions`, { recursive: true });
    const install = (...args: string[]) =>
      run("sh", [
        `${ROOT}deploy/install.sh`,
        `--from=${executables.directory}/bin`,
        `--root=${root}`,
        ...args,
      ]);
    const dry = await install("--dry-run");
    assert.deepEqual([dry?.code, dry?.stderr], [0, ""]);
    assert.deepEqual(await pathsBelow(root), [""]);

    const installed = await install("--", "--host=worker.example");
    assert.deepEqual([installed?.code, installed?.stderr], [0, ""]);
    const paths = await pathsBelow(root);
    for (
      const path of [
        "/usr/local/bin/worker-daemon",
        "/usr/local/bin/worker-cli",
        "/usr/local/share/man/man1/worker-cli.1",
        "/usr/share/bash-completion/completions/worker-cli",
        "/etc/job-worker/job-worker.json",
        "/etc/job-worker/worker-daemon.service",
        "/etc/job-worker/worker-daemon-jobs.service",
        "/etc/job-worker/worker-daemon.socket",
        "/etc/job-worker/certs/server-key.pem",
      ]
    ) assert.ok(paths.includes(path), path);
    const unit = await Deno.readTextFile(`${root}/etc/job-worker/worker-daemon.service`);
    const { "job-user": jobUser } = JSON.parse(
      await Deno.readTextFile(`${root}/etc/job-worker/job-worker.json`),
    );
    // Any user of this machine will do.
    assert.equal(jobUser, "job-worker");
    assert.match(
      await Deno.readTextFile(`${root}/etc/sysusers.d/job-worker.conf`),
      /^u job-worker [^]*^u job-worker-gateway /m,
    );
    assert.match(
      installed?.stdout ?? "",
      /start the daemon there with:\n {2}systemctl enable --now \/etc\/job-worker\/\S+-jobs\.service \/etc\/job-worker\/\S+\.socket \/etc\/job-worker\/\S+\.service\n$/,
    );
    assert.doesNotMatch(installed?.stdout ?? "", /^Next:|useradd/m);
    // The data will be where tmpfiles.d makes it, and nothing is left where it will not be.
    assert.match(installed?.stdout ?? "", /^\/var\/lib\/job-worker +where jobs/m);
    assert.doesNotMatch(installed?.stdout ?? "", /job-worker\/data +where/);
    await assert.rejects(Deno.stat(`${root}/etc/job-worker/data`), Deno.errors.NotFound);
    const config = "--config=/etc/job-worker/job-worker.json";
    assert.match(unit, new RegExp(`^ExecStart=/usr/local/bin/worker-daemon ${config}$`, "m"));
    const certificate = await Deno.readTextFile(`${root}/etc/job-worker/certs/ca-cert.pem`);
    // Every step that is done was announced, with the very words.
    const stepsOf = (text = "") => text.split("\n").filter((line) => line.startsWith("+ "));
    assert.deepEqual(
      stepsOf(installed?.stdout).map((line) => line.replace(" --host=worker.example", "")),
      stepsOf(dry?.stdout),
    );

    const again = await install();
    assert.match(again?.stdout ?? "", /there is a configuration/);
    assert.equal(await Deno.readTextFile(`${root}/etc/job-worker/certs/ca-cert.pem`), certificate);

    const uninstall = (...args: string[]) =>
      run("sh", [`${ROOT}deploy/uninstall.sh`, `--root=${root}`, ...args]);
    assert.equal((await uninstall("--dry-run", "--purge"))?.code, 0);
    assert.deepEqual(await pathsBelow(root), paths);
    assert.equal((await uninstall())?.code, 0);
    assert.ok((await pathsBelow(root)).every((path) => path.startsWith("/etc/job-worker/")));
    assert.equal((await uninstall("--purge"))?.code, 0);
    assert.deepEqual(await pathsBelow(root), [""]);
  });

  Deno.test("The lines of docs/install.md that install by the script find what they have copied", async () => {
    const server = await makeRoot(executables);
    await Deno.mkdir(`${server}/root`);
    const page = await Deno.readTextFile(`${ROOT}docs/install.md`);
    const [, lines = ""] = /```sh\n([^`]*install\.sh[^`]*)```/.exec(page) ?? [];
    // What is copied to another machine there, is copied to another directory here.
    const script = lines
      .replace(/ && ssh root@server$/m, "")
      .replace("ssh root@server mkdir -p ", `mkdir -p ${server}/root/`)
      .replace("scp -r dist/* deploy ", `cp -r ${executables.directory}/bin/* ${ROOT}deploy `)
      .replace("root@server:", `${server}/root/`)
      .replace(/^~(\S+) /m, (_, program) => `${server}/root${program} --root=${server} `);
    // And once more, with an older version in the way.
    for (const _time of [1, 2]) {
      const outcome = await run("sh", ["-euc", script]);
      assert.deepEqual([outcome?.code, outcome?.stderr], [0, ""], script);
      for (const path of ["worker-daemon", "worker-cli", "deploy/install.sh"]) {
        await Deno.writeTextFile(`${server}/root/job-worker/${path}`, "exit 1");
      }
    }
    const config = await Deno.readTextFile(`${server}/etc/job-worker/job-worker.json`);
    assert.equal(JSON.parse(config)["data-dir"], "/var/lib/job-worker");
    assert.ok((await Deno.stat(`${server}/usr/local/bin/worker-daemon`)).isFile);
    // Unpacked by the installation already, for everybody.
    const unpacked = await Array.fromAsync(Deno.readDir(`${server}/var/cache/job-worker`));
    assert.ok(unpacked.some(({ name }) => /^[0-9a-f]{64}$/.test(name)));
  });

  rootTest("install.sh unpacks below its root, whatever this machine has unpacked", async () => {
    const root = await makeRoot(executables);
    const bin = `${executables.directory}/bin`;
    const script = '"$1/worker-daemon" --version; ls /var/cache; exec "$2" "--from=$1" "--root=$3"';
    const [program = "", ...args] = [
      ...WITH_OWN_VAR_CACHE,
      ...["/bin/sh", "-euc", script, "sh", bin, `${ROOT}deploy/install.sh`, root],
    ];
    const outcome = await run(program, args, { XDG_CACHE_HOME: "" });
    assert.deepEqual([outcome?.code, outcome?.stderr], [0, ""]);
    assert.match(outcome?.stdout ?? "", /^worker-daemon .*\njob-worker\n/);
    const unpacked = await Array.fromAsync(Deno.readDir(`${root}/var/cache/job-worker`));
    assert.ok(unpacked.some(({ name }) => /^[0-9a-f]{64}$/.test(name)));
  });

  Deno.test("uninstall.sh removes what root has unpacked, wherever that was", async () => {
    const [home, cache, temporary] = await Promise.all(
      ["home-", "cache-", "tmp-"].map((prefix) => executables.makeDirectory(prefix)),
    );
    const env = { HOME: `${home}`, XDG_CACHE_HOME: `${cache}`, TMPDIR: `${temporary}` };
    const args = [`${ROOT}deploy/uninstall.sh`, "--dry-run", "--purge", "--prefix=/nonexistent"];
    const { stdout = "" } = await run("sh", args, env) ?? {};
    const [, removed = ""] = /^\+ rm -rf (.*\/var\/cache\/job-worker.*)$/m.exec(stdout) ?? [];
    assert.deepEqual(
      removed.split(" ").toSorted(),
      [
        "/root/.cache/job-worker",
        "/var/cache/job-worker",
        `${cache}/job-worker`,
        `${home}/.cache/job-worker`,
        `${temporary}/job-worker-0`,
      ].toSorted(),
    );
  });

  Deno.test("install.sh refuses executables that are damaged", async () => {
    const from = await executables.makeDirectory("damaged-");
    for (const name of ["worker-cli", "SHA256SUMS"]) {
      await Deno.copyFile(`${executables.directory}/bin/${name}`, `${from}/${name}`);
    }
    await Deno.writeTextFile(`${from}/worker-daemon`, "#!/bin/sh\n");
    const outcome = await run("sh", [`${ROOT}deploy/install.sh`, `--from=${from}`, "--dry-run"]);
    assert.equal(outcome?.code, 1);
    assert.match(outcome?.stderr ?? "", /worker-daemon: FAILED|are damaged/);
  });

  Deno.test("The shell scripts are correct POSIX, as far as a linter can tell", async (test) => {
    for (const script of SCRIPTS) assert.equal((await run("sh", ["-n", ROOT + script]))?.code, 0);
    const outcome = await run("shellcheck", [
      "--shell=sh",
      ...SCRIPTS.map((path) => ROOT + path),
      await executables.head(),
    ]);
    if (outcome === null) {
      await test.step({ name: "needs shellcheck", ignore: true, fn: () => {} });
    } else assert.deepEqual([outcome.code, outcome.stdout], [0, ""]);
  });

  Deno.test("systemd finds nothing wrong with the units, sysusers and tmpfiles", async (test) => {
    const home = await executables.makeDirectory("unit-");
    const env = executables.environment(home);
    const verified = async (whose: "system" | "user"): Promise<string[]> => {
      const dir = `${home}/${whose}`;
      const args = ["init", `--dir=${dir}`, "--systemd", ...whose === "system" ? ["--system"] : []];
      const { code, stderr } = await executables.run("worker-daemon", args, { env });
      assert.deepEqual([code, stderr], [0, ""]);
      const units = [".service", ".socket", "-jobs.service"].map((end) =>
        `${dir}/worker-daemon${end}`
      );
      return ["systemd-analyze", "verify", "--man=no", `--${whose}`, ...units];
    };
    const checks = [
      await verified("system"),
      await verified("user"),
      ["systemd-sysusers", "--dry-run", `${ROOT}deploy/sysusers.d/job-worker.conf`],
    ];
    for (const [program = "", ...args] of checks) {
      // The manager of a user wants to know where its directories are.
      const outcome = await run(program, args, { XDG_RUNTIME_DIR: home });
      if (outcome === null) {
        await test.step({ name: `needs ${program}`, ignore: true, fn: () => {} });
      } else {
        assert.equal(outcome.code, 0, outcome.stderr);
        // It only mentions what it ignores, such as an option that this version does not know.
        if (program === "systemd-analyze") assert.equal(outcome.stderr, "");
      }
    }
  });
}
