import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { TestDaemon } from "../../end_to_end/daemon.ts";

/** Leaves to the daemon what jobs must not get from it: descriptors, a variable, signals that are ignored. */
const CARELESS = `trap "" HUP INT QUIT ALRM USR1 TSTP CHLD
exec 5</dev/full 12</dev/full 234</dev/full
export LEFT=behind
exec "$@"`;

Deno.test("A job inherits nothing from whoever started the daemon", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await TestDaemon.start(certificates, {
    starter: ["bash", "-c", CARELESS, "bash"],
  });
  const script = `for fd in 5 12 234; do [ ! -e /proc/$$/fd/$fd ] || echo "descriptor $fd"; done
echo "\${LEFT-none}"
exec grep -E "^Sig(Ign|Blk)" /proc/self/status`;
  const { code, stdout, stderr } = await daemon.cli(["run", "--", "sh", "-c", script]);
  assert.deepEqual([code, stderr], [0, ""]);
  const [left, blocked = "", ignored = ""] = stdout.trimEnd().split("\n");
  assert.equal(left, "none");
  const mask = (line: string) => BigInt(`0x${line.split("\t")[1]}`);
  assert.equal(mask(blocked), 0n);
  // 32 and 33 belong to the C library, which ignores them in the children of Deno.
  assert.equal(mask(ignored) & ~(0b11n << 31n), 0n);
});

Deno.test("A gateway inherits no descriptor from whoever started the daemon", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await TestDaemon.start(certificates, {
    starter: ["bash", "-c", CARELESS, "bash"],
  });
  const { pid } = daemon;
  const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  const gateways = children.trim().split(" ");
  assert.equal(gateways.length, 1, children);
  const leftTo = async (process: string) => {
    const directory = `/proc/${process}/fd`;
    const links = await Array.fromAsync(
      Deno.readDir(directory),
      ({ name }) => Deno.readLink(`${directory}/${name}`).catch(() => ""),
    );
    return links.filter((link) => link === "/dev/full").length;
  };
  assert.equal(await leftTo(`${pid}`), 3, "The daemon has them");
  assert.equal(await leftTo(gateways[0] ?? ""), 0);
});

Deno.test("A job of a daemon that is not root gains no rights, as by sudo", async () => {
  await using certificates = await TestCertificates.create();
  await using daemon = await TestDaemon.start(certificates);
  const { stdout } = await daemon.cli(["run", "--", "grep", "NoNewPrivs", "/proc/self/status"]);
  assert.equal(stdout, `NoNewPrivs:\t${Deno.uid() === 0 ? 0 : 1}\n`);
});
