// The executables run the other tests as somebody who is not root, so these have a file of their own.
import { setPassword } from "../../../lib/auth/password_file_edit.ts";
import { gatewayRights, NO_PORT } from "../../../lib/daemon/users/gateway_user.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { failedDaemon, TestDaemon } from "../../end_to_end/daemon.ts";
import { IS_SOURCE, ROOT } from "../../programs.ts";
import { basic } from "../../rest/fixture.ts";
import { rootTest } from "../../root.ts";
import { until } from "../../worker/fixture.ts";
import { asGateway, fieldOf, GATEWAY, gatewayOf, run, Stage } from "./gateway_stage.ts";

async function pathsIn(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    found.push(path, ...isDirectory ? await pathsIn(path) : []);
  }
  return found;
}

/** Prints each of its arguments that its user may read or write. */
const FIND_OPEN = 'for path; do if [ -r "$path" ] || [ -w "$path" ]; then echo "$path"; fi; done';

rootTest(
  "A user for the gateway has the variables that say whether and where its traces go, and no others",
  async () => {
    const [program = "", ...words] = await gatewayRights(GATEWAY, NO_PORT);
    const kept = {
      OTEL_DENO: "true",
      OTEL_DENO_CONSOLE: "replace",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
      OTEL_SERVICE_NAME: "a name",
    };
    const others = { OTEL_EXPORTER_OTLP_HEADERS: "authorization=secret", SECRET: "secret" };
    const { stdout } = await new Deno.Command(program, {
      args: [...words, "/usr/bin/env"],
      clearEnv: true,
      env: { ...kept, ...others },
    }).output();
    const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
    assert.deepEqual(lines, Object.entries(kept).map(([name, value]) => `${name}=${value}`));
  },
);

rootTest(
  "A gateway of a user of its own reaches the engine's socket and nothing else of the daemon's",
  async () => {
    await using certificates = await TestCertificates.create();
    await using stage = await Stage.make();
    const secret = { users: `${stage.path}/users`, denied: `${stage.path}/denied` };
    await setPassword(secret.users, "alice", { password: "correct horse", roles: ["admin"] });
    await Deno.writeTextFile(secret.denied, `${"0a".repeat(32)}\n`, { mode: 0o600 });
    await using daemon = await stage.start(certificates, {
      args: [
        "--rest-address=127.0.0.1:0",
        `--users=${secret.users}`,
        `--deny-list=${secret.denied}`,
      ],
    });
    const { pid, status } = await gatewayOf(daemon);
    const ids = `${GATEWAY.uid}\t`.repeat(4).trimEnd();
    const expected = { Uid: ids, Gid: ids, Groups: "", NoNewPrivs: "1" };
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(fieldOf(status, name), value, name);
    }
    const known = ["HOME", "DENO_DIR", "XDG_CACHE_HOME", "MALLOC_MMAP_THRESHOLD_"];
    const given = (await Deno.readTextFile(`/proc/${pid}/environ`)).split("\0").filter(Boolean);
    assert.deepEqual(given.filter((text) => !known.includes(text.split("=", 1)[0] ?? "")), []);
    for (const name of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
      assert.equal(BigInt(`0x${fieldOf(status, name)}`), 0n, name);
    }

    const jobId = await daemon.ran("id -un; echo secret");
    assert.match((await daemon.cli(["output", jobId])).stdout, /^nobody\n/);
    const { stdout } = await daemon.outputs();
    const [, rest = ""] = /serving REST at (\S+)\n/.exec(stdout) ?? [];
    const { ca } = await certificates.material("client");
    using client = Deno.createHttpClient({ caCerts: [ca] });
    const headers = { authorization: basic("alice", "correct horse") };
    const shown = await fetch(`${rest}/status/${jobId}`, { client, headers });
    assert.equal((await shown.json()).jobStatus, "done");

    const data = `${daemon.directory}/data`;
    const { key, cert } = certificates.paths("server");
    const files = [...await pathsIn(data), key, secret.users, secret.denied];
    for (
      const name of ["jobs.db", "audit.log", `logs/${jobId}`, "executor.0.sock", "executor.0.err"]
    ) {
      assert.ok(files.includes(`${data}/${name}`), name);
    }
    assert.equal(await asGateway(FIND_OPEN, ...files), `${data}/engine.sock\n`);
    // Its group is let through, but not in.
    const member = [
      "--reuid=2",
      `--regid=${GATEWAY.gid}`,
      "--clear-groups",
      "sh",
      "-c",
      FIND_OPEN,
      "sh",
    ];
    assert.equal(await run("setpriv", ...member, ...files), "");
    // The test sees what is open.
    await Deno.chmod(`${data}/audit.log`, 0o644);
    assert.equal(
      await asGateway(FIND_OPEN, `${data}/audit.log`, cert, data),
      `${data}/audit.log\n`,
    );
    const line = await Deno.readTextFile(`/proc/${pid}/cmdline`);
    const variables = await Deno.readTextFile(`/proc/${pid}/environ`);
    const [, bytes = ""] = (await Deno.readTextFile(key)).split("\n");
    assert.ok(bytes.length > 40);
    assert.ok(
      ![line, variables, (await daemon.outputs()).stderr].some((text) => text.includes(bytes)),
    );

    // Jobs may as little.
    const attack = [
      "import os, socket, sys",
      "def tried(what, do):",
      "  try: do(); print(what)",
      "  except PermissionError: pass",
      `tried("socket", lambda: socket.socket(socket.AF_UNIX).connect("${data}/engine.sock"))`,
      `for name in ["mem", "maps", "environ"]: tried(name, lambda: open(f"/proc/${pid}/{name}", "rb").read(1))`,
      `tried("descriptors", lambda: os.listdir("/proc/${pid}/fd"))`,
      `tried("kill", lambda: os.kill(${pid}, 0))`,
      'print("tried")',
    ].join("\n");
    const job = ["run", "--cwd", "/", "--", "/usr/bin/python3", "-c", attack];
    assert.deepEqual((await daemon.cli(job)).stdout, "tried\n");
  },
);

rootTest(
  "A gateway of a user of its own is replaced when it dies and at a reload, and finds the socket",
  async () => {
    await using certificates = await TestCertificates.create();
    await using stage = await Stage.make();
    const daemon = await stage.start(certificates);
    try {
      const first = await gatewayOf(daemon);
      Deno.kill(daemon.pid, "SIGHUP");
      const second = await until(async () => {
        const { pid } = await gatewayOf(daemon);
        return pid !== first.pid && pid;
      });
      await until(async () =>
        (await daemon.outputs()).stderr.includes(`takes over from ${first.pid}`)
      );
      assert.equal((await daemon.cli(["health"])).stdout, "serving\n");
      // As systemd-tmpfiles(8) may do at any time.
      await Deno.chmod(`${daemon.directory}/data`, 0o700);
      Deno.kill(second, "SIGKILL");
      await until(async () => /Gateway \d+ listens/.test((await daemon.outputs()).stderr));
      await Deno.chmod(`${daemon.directory}/data`, 0o700);
      const { stdout, code, stderr } = await daemon.cli(["run", "--cwd", "/", "--", "echo", "hi"]);
      assert.deepEqual([code, stdout], [0, "hi\n"], stderr);
    } finally {
      const { code, stderr } = await daemon.stop();
      await Deno.remove(daemon.directory, { recursive: true });
      assert.equal(code, 0, stderr);
      assert.equal(stderr.match(/ ERROR /g)?.length, 1, stderr);
    }
  },
);

rootTest(
  "A gateway of a user of its own serves a port that only root can bind, and ports that it inherits",
  async () => {
    await using certificates = await TestCertificates.create();
    await using stage = await Stage.make();
    const port = freePortBelow(1024);
    {
      await using daemon = await stage.start(certificates, {
        args: [`--address=127.0.0.1:${port}`],
      });
      assert.equal((await daemon.cli(["health"])).stdout, "serving\n");
      const { status } = await gatewayOf(daemon);
      const NET_BIND_SERVICE = 1n << 10n;
      for (const name of ["CapEff", "CapBnd"]) {
        assert.equal(BigInt(`0x${fieldOf(status, name)}`), NET_BIND_SERVICE, name);
      }
    }
    await using daemon = await stage.start(certificates, {
      starter: ["python3", `${ROOT}tests/long/end_to_end/socket_unit.py`, "1"],
    });
    assert.equal((await daemon.cli(["health"])).stdout, "serving\n");
  },
);

rootTest(
  "The daemon does not start with a gateway's user who cannot be one, and says why",
  async () => {
    await using certificates = await TestCertificates.create();
    await using stage = await Stage.make();
    const refused: [args: readonly string[], message: RegExp][] = [
      [["--gateway-user=no-such-user"], /--gateway-user "no-such-user": there is no user/],
      [
        ["--gateway-user=nobody", "--job-user=nobody"],
        /--job-user "nobody": the gateways would run as "nobody", and its jobs could act as any client/,
      ],
      [
        ["--gateway-user=daemon", "--job-user=nobody", "--allow-users=bin,daemon"],
        /--allow-users "daemon": the gateways would run as "daemon"/,
      ],
    ];
    for (const [args, message] of refused) {
      const { code, stderr } = await failedDaemon(certificates, args, { cwd: stage.path });
      assert.deepEqual([code, message.test(stderr)], [78, true], stderr);
    }
    await Deno.mkdir(`${stage.path}/closed`, { mode: 0o700 });
    const args = ["--gateway-user=daemon", "--job-user=nobody"];
    const { code, stderr } = await failedDaemon(certificates, args, {
      cwd: `${stage.path}/closed`,
    });
    assert.equal(code, 78, stderr);
    assert.match(stderr, /"daemon": that user may not read "\S+\/closed": see its mode/);
  },
);

/** Runs a program where there is a user whose gateways an executable takes by itself. */
const WITH_USER = `
grep -v '^job-worker-gateway:' /etc/passwd >"$1/passwd"
echo 'job-worker-gateway:x:${GATEWAY.uid}:${GATEWAY.gid}::/:/usr/sbin/nologin' >>"$1/passwd"
mount --make-rslave / && mount --bind "$1/passwd" /etc/passwd
shift
exec "$@"`;

const canMount = Deno.uid() === 0 &&
  (await new Deno.Command("unshare", { args: ["-m", "mount", "--make-rslave", "/"] }).output())
    .success;

Deno.test({
  name:
    `An executable's gateway runs as job-worker-gateway if there is such a user, and else the daemon says that it runs as root${
      canMount ? "" : " (skipped: needs to mount)"
    }`,
  ignore: !canMount,
  async fn() {
    await using certificates = await TestCertificates.create();
    await using stage = await Stage.make();
    const starter = ["unshare", "-m", "sh", "-c", WITH_USER, "sh", stage.path];
    await using daemon = await stage.start(certificates, { starter, args: ["--gateway-user="] });
    assert.equal((await daemon.cli(["health"])).stdout, "serving\n");
    const { stderr } = await daemon.outputs();
    if (IS_SOURCE) {
      assert.match(
        stderr,
        / WARNING The gateway, which faces the network, runs as root: from source, --gateway-user must /,
      );
      return;
    }
    assert.doesNotMatch(stderr, /root/);
    await gatewayOf(daemon);
    const plain = { args: ["--gateway-user=", "--job-user=nobody"] };
    const users = await Deno.readTextFile("/etc/passwd");
    if (/^job-worker-gateway:/m.test(users)) return;
    await using other = await TestDaemon.start(certificates, plain);
    assert.match(
      (await other.outputs()).stderr,
      / WARNING The gateway, .* runs as root: there is no user "job-worker-gateway" on this machine; make it by `useradd /,
    );
  },
});

function freePortBelow(end: number): number {
  for (let port = end - 1; port > 0; port--) {
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("Every port is in use");
}
