import unit from "../../../deploy/worker-daemon.service" with { type: "text" };
import hardened from "../../../deploy/hardened.conf" with { type: "text" };
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { executorsIn } from "../../daemon/executor_fixture.ts";
import type { TestDaemon } from "../../end_to_end/daemon.ts";
import { ROOT } from "../../programs.ts";
import { rootTest } from "../../root.ts";
import { processStat, until } from "../../worker/fixture.ts";
import { fieldOf, gatewayOf, Stage } from "../end_to_end/gateway_stage.ts";

/** Starts a program with the capabilities that the unit leaves it, as systemd would. */
const BOUND: readonly string[] = [
  "setpriv",
  `--bounding-set=${["-all", ...capabilitiesIn(unit).map((name) => `+${name}`)].join(",")}`,
  "--no-new-privs",
  "--",
];

/** What can be had of deploy/hardened.conf without systemd. */
const HARDENED = `
umask 077
mount --make-rslave /
mount -t proc -o hidepid=invisible proc /proc
mount --bind /usr /usr && mount -o remount,bind,ro /usr
exec "$@"`;

function capabilitiesIn(text: string): string[] {
  const lines = text.match(/(?<=^CapabilityBoundingSet=).*$/gm) ?? [];
  return lines.flatMap((line) => line.split(" ")).map((name) =>
    name.replace(/^CAP_/, "").toLowerCase()
  );
}

/** Jobs of another user, with all that makes rights necessary. */
async function used(daemon: TestDaemon): Promise<void> {
  const run = (...args: readonly string[]) => daemon.cli(["run", "--cwd", "/", ...args]);
  const limits = ["--nice", "5", "--umask", "027", "--processes", "1000"];
  const limited = await run(...limits, "--", "sh", "-c", "id -un; nice; umask");
  assert.deepEqual([limited.code, limited.stdout], [0, "nobody\n5\n0027\n"], limited.stderr);
  const bound = await run(
    "--",
    "sed",
    "-n",
    "s/^\\(NoNewPrivs\\|CapEff\\):.//p",
    "/proc/self/status",
  );
  assert.equal(bound.stdout, "0000000000000000\n1\n", bound.stderr);

  // Both ignore the signal.
  const jobId = await daemon.sh("trap '' TERM; sleep 1000 & echo ready; wait", "--cwd", "/");
  const pid = await pidOf(daemon, jobId);
  assert.equal((await daemon.cli(["stop", "--grace", "100ms", jobId])).code, 0);
  await until(() => hasEnded(pid));

  const held = await daemon.sh("exec sleep 1000", "--cwd", "/");
  const leader = await pidOf(daemon, held);
  const [executor = 0] = await executorsIn(`${daemon.directory}/data`);
  Deno.kill(executor, "SIGKILL");
  await until(async () => {
    const { stdout } = await daemon.cli(["status", "--json", held]);
    return JSON.parse(stdout).reason === "lost";
  });
  await until(() => hasEnded(leader));
  assert.equal((await run("--", "echo", "next")).stdout, "next\n");

  const { pid: old, status } = await gatewayOf(daemon);
  assert.equal(BigInt(`0x${fieldOf(status, "CapBnd")}`), 0n);
  Deno.kill(daemon.pid, "SIGHUP");
  await until(async () => (await gatewayOf(daemon)).pid !== old);
  assert.equal((await daemon.cli(["health"])).stdout, "serving\n");
}

async function pidOf(daemon: TestDaemon, jobId: string): Promise<number> {
  return JSON.parse((await daemon.cli(["status", "--json", jobId])).stdout).pid;
}

/** Whether there is no such process, or nobody has asked yet how it ended. */
async function hasEnded(pid: number): Promise<boolean> {
  return ["Z", undefined].includes((await processStat(pid))?.state);
}

/** Uses a daemon, and ends it. */
async function usedUnder(
  starter: readonly string[],
  also: (daemon: TestDaemon) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await using certificates = await TestCertificates.create();
  await using stage = await Stage.make();
  const daemon = await stage.start(certificates, { starter });
  try {
    const status = await Deno.readTextFile(`/proc/${daemon.pid}/status`);
    const [setpriv = "", ...bound] = BOUND;
    const { stdout } = await new Deno.Command(setpriv, {
      args: [...bound, "cat", "/proc/self/status"],
    })
      .output();
    const expected = new TextDecoder().decode(stdout);
    for (const name of ["CapBnd", "NoNewPrivs"]) {
      assert.equal(fieldOf(status, name), fieldOf(expected, name), name);
    }
    await used(daemon);
    await also(daemon);
  } finally {
    const { code, stderr } = await daemon.stop();
    await Deno.remove(daemon.directory, { recursive: true });
    assert.equal(code, 0, stderr);
    const errors = stderr.split("\n").filter((line) => / ERROR |^ +at /.test(line));
    assert.deepEqual(errors.filter((line) => !/ ERROR Executor \d+ has ended/.test(line)), []);
    assert.doesNotMatch(stderr, /runs as root|will lack some/);
  }
}

const succeeds = async (program: string, ...args: readonly string[]) =>
  (await new Deno.Command(program, { args: [...args] }).output()).success;

/** What comes before a program without the system calls that the unit, and what else there is, forbids. */
function filtered(...others: readonly string[]): string[] {
  const units = ["worker-daemon.service", ...others].map((name) => `${ROOT}deploy/${name}`);
  return ["python3", `${ROOT}tests/long/daemon/syscall_filter.py`, ...units, "--"];
}

const [python, ...filter] = filtered();
const canFilter = await succeeds(python ?? "", ...filter, "true");
/** Whether we may mount file systems of our own. */
const canMount = Deno.uid() === 0 &&
  await succeeds("unshare", "-m", "sh", "-c", HARDENED, "sh", "true");

rootTest(
  `A daemon with what its unit leaves it${
    canFilter ? "" : " (of system calls: all, for want of libseccomp)"
  } runs, ends and loses jobs of others`,
  async () => {
    await usedUnder([...canFilter ? filtered() : [], ...BOUND]);
  },
);

Deno.test({
  name: `A daemon as deploy/hardened.conf bounds it does, too${
    canMount && canFilter ? "" : " (skipped: needs to mount, and libseccomp)"
  }`,
  ignore: !canMount || !canFilter,
  async fn() {
    for (const line of ["ProtectProc=invisible", "ProtectSystem=full", "UMask=0077"]) {
      assert.ok(hardened.includes(`\n${line}\n`), line);
    }
    const mounted = ["unshare", "-m", "sh", "-c", HARDENED, "sh"];
    await usedUnder([...mounted, ...filtered("hardened.conf"), ...BOUND], async (daemon) => {
      const look =
        `[ ! -e /proc/${daemon.pid} ] && [ ! -w /usr ] && ! unshare -U true 2>&1 && umask`;
      const { stdout } = await daemon.cli(["run", "--cwd", "/", "--", "sh", "-c", look]);
      assert.equal(stdout, "unshare: unshare failed: Operation not permitted\n0077\n");
    });
  },
});
