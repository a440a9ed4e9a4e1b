import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { failedDaemon } from "../../end_to_end/daemon.ts";
import { NO_SMALL_DISK, SmallDisk } from "../../small_disk.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";
import { MortalDaemon } from "../../recovery/mortal_daemon.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

/** What a daemon says that refuses to start here, until somebody mends that. */
async function refusal(cwd: string, args: readonly string[] = [], status = 78): Promise<string> {
  const { code, stdout, stderr } = await failedDaemon(certificates, args, { cwd });
  assert.deepEqual([code, stdout], [status, ""], stderr);
  assert.match(stderr, /^worker-daemon: Cannot [^\n]*\n$/);
  return stderr;
}

Deno.test("a second daemon on the same data refuses to start, and does the first no harm", async () => {
  await using directory = await temporaryDirectory();
  await using daemon = await MortalDaemon.start(certificates, directory.path);
  await using running = daemon.startCli(["run", "--", "sh", "-c", "echo on; sleep 1000"]);
  await running.seen(/on\n/);
  const said = await refusal(directory.path, [], 1);
  assert.ok(said.includes(`"${directory.path}/data/jobs.db"`), said);
  assert.match(said, /another daemon has it open; stop that one, or choose another --data-dir/);
  const list = await daemon.cli(["list", "running", "--json"]);
  const run = await daemon.cli(["run", "--", "echo", "on"]);
  assert.equal(list.stdout.trim().split("\n").length, 1);
  assert.deepEqual([run.code, run.stdout], [0, "on\n"]);
});

Deno.test("the daemon refuses a database that is damaged, and leaves it as it is", async () => {
  await using directory = await temporaryDirectory();
  await (await MortalDaemon.start(certificates, directory.path))[Symbol.asyncDispose]();
  const path = `${directory.path}/data/jobs.db`;
  const sound = await Deno.readFile(path);
  for (const bytes of [sound.subarray(0, 0), sound.subarray(0, 5_000), sound.toReversed()]) {
    await Deno.writeFile(path, bytes);
    const said = await refusal(directory.path);
    assert.ok(said.includes(`"${path}"`), said);
    assert.match(
      said,
      /it is damaged .* restore it from a backup, or move it away to start with an empty one/,
    );
    assert.deepEqual(await Deno.readFile(path), bytes);
  }
  // The remedy must work.
  await Deno.remove(path);
  await using daemon = await MortalDaemon.start(certificates, directory.path);
  assert.equal((await daemon.cli(["list"])).stdout, "");
});

Deno.test("the daemon refuses a data directory in which others may write", async () => {
  await using directory = await temporaryDirectory();
  await Deno.mkdir(`${directory.path}/data`);
  await Deno.chmod(`${directory.path}/data`, 0o777);
  const open = await refusal(directory.path);
  assert.match(open, /others than its owner may write in it; run `chmod go-w /);
  await Deno.chmod(`${directory.path}/data`, 0o700);
  if (Deno.uid() !== 0) return;
  await Deno.chown(`${directory.path}/data`, 65534, 65534);
  assert.match(await refusal(directory.path), /it belongs to another user \(uid 65534\)/);
});

Deno.test("the daemon refuses a data directory whose path is too long for its socket", async () => {
  await using directory = await temporaryDirectory();
  const room = 91 - directory.path.length - "//data".length;
  const longest = `${directory.path}/${"x".repeat(room)}`;
  await Deno.mkdir(longest);
  await Deno.mkdir(`${longest}y`);
  const said = await refusal(`${longest}y`);
  assert.match(
    said,
    /"\S+y\/data": its path is 92 bytes long, and at most 91 leave room for the socket in it; choose/,
  );
  await (await MortalDaemon.start(certificates, longest))[Symbol.asyncDispose]();
});

Deno.test({
  name: `the daemon refuses a data directory that is read-only or full${NO_SMALL_DISK}`,
  ignore: NO_SMALL_DISK !== "",
  async fn() {
    await using disk = await SmallDisk.mount(1);
    await Deno.mkdir(`${disk.path}/data`);
    await disk.fill();
    const full = await refusal(disk.path, [], 1);
    assert.match(full, /"\S*\/data\/jobs\.db": database or disk is full; check the file/);
    await disk.free();
    await disk.remountReadOnly();
    const readOnly = await refusal(disk.path);
    assert.match(
      readOnly,
      /Cannot use the data directory "data": the file system is read-only; .*--data-dir/,
    );
  },
});
