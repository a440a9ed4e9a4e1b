import { DatabaseSync } from "node:sqlite";
import { assert } from "../assert.ts";
import { OWN_ROLES } from "../../lib/daemon/roles.ts";
import { rootTest } from "../root.ts";
import { WITH_OWN_VAR_CACHE } from "../var_cache.ts";
import { until } from "../worker/fixture.ts";
import type { Executables } from "./executables.ts";
import { AS_NOBODY } from "./stage.ts";

const VERSION = /^\d+\.\d+\.\d+ \([0-9a-f]{8}\)\n$/;

/** How the portable form comes to run: what it unpacks, where, and what it never trusts. */
export function testUnpacking(executables: Executables): void {
  const version = (options: Parameters<Executables["run"]>[2] = {}) =>
    executables.run("worker-cli", ["--version"], options);

  /** The unpacked programs in a cache. */
  const unpackedIn = async (cache: string): Promise<string[]> => {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(cache)) {
      if (name !== "lock") names.push(name);
    }
    return names.sort();
  };

  Deno.test("Ten executables that start at once unpack one program, whole", async () => {
    const home = await executables.makeDirectory("home-");
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => version({ env: { HOME: home } })),
    );
    for (const { code, stdout, stderr } of outcomes) {
      assert.deepEqual([code, stderr], [0, ""]);
      assert.match(stdout, VERSION);
    }
    const [name, ...others] = await unpackedIn(`${home}/.cache/job-worker`);
    assert.match(name ?? "", /^[0-9a-f]{64}$/);
    assert.deepEqual(others, []);
    // Both executables carry the same.
    const daemon = await executables.run("worker-daemon", ["--version"], { env: { HOME: home } });
    assert.match(daemon.stdout, /^worker-daemon \d/);
    assert.deepEqual(await unpackedIn(`${home}/.cache/job-worker`), [name]);
  });

  Deno.test("worker-cli has nothing of the runtime's libraries in sight before it has printed its version", async () => {
    const cache = await executables.makeDirectory("cache-");
    assert.match((await version({ env: { XDG_CACHE_HOME: cache } })).stdout, VERSION);
    const [program] = await unpackedIn(`${cache}/job-worker`);
    const loaded = await inSight(`${cache}/job-worker/${program}`, "./cli.js");
    assert.ok(loaded.length > 1, "It has its version from elsewhere");
    assert.deepEqual(loaded.filter((path) => !path.startsWith("./")), []);
  });

  Deno.test("An engine sees nothing of what it loads later, and each role no other's code", async () => {
    const cache = await executables.makeDirectory("cache-");
    assert.match((await version({ env: { XDG_CACHE_HOME: cache } })).stdout, VERSION);
    const [program] = await unpackedIn(`${cache}/job-worker`);
    const place = `${cache}/job-worker/${program}`;
    const engine = await inSight(place, "./engine.js");
    const parts = engine.filter((path) => path.startsWith("./") && !path.startsWith("./chunk-"));
    assert.deepEqual(parts, ["./engine.js"]);
    for (const role of OWN_ROLES) {
      const roles = (await inSight(place, `./${role}.js`)).filter((path) =>
        OWN_ROLES.some((other) => new RegExp(`/${other}(_role)?-`).test(path))
      );
      assert.equal(roles.length, 1, roles.join());
      assert.ok(roles[0]?.startsWith(`./${role}`), roles.join());
    }
  });

  Deno.test("Whoever unpacks has the program analysed, so that no daemon keeps what that takes", async () => {
    const cache = await executables.makeDirectory("cache-");
    assert.match((await version({ env: { XDG_CACHE_HOME: cache } })).stdout, VERSION);
    const [program] = await unpackedIn(`${cache}/job-worker`);
    const place = await Deno.realPath(`${cache}/job-worker/${program}`);
    const modules: string[] = [];
    for await (const { name } of Deno.readDir(place)) {
      if (/\.[jt]s$/.test(name)) modules.push(`file://${place}/${name}`);
    }
    using database = new DatabaseSync(`${place}/cache/dep_analysis_cache_v2`);
    const analysed = database.prepare("SELECT specifier FROM moduleinfocache").all();
    assert.deepEqual(analysed.map(({ specifier }) => specifier).sort(), modules.sort());
  });

  Deno.test("An executable unpacks where XDG_CACHE_HOME says", async () => {
    const cache = await executables.makeDirectory("cache-");
    const { code } = await version({ env: { HOME: "/nonexistent", XDG_CACHE_HOME: cache } });
    assert.equal(code, 0);
    assert.equal((await unpackedIn(`${cache}/job-worker`)).length, 1);
  });

  Deno.test("An executable without a home, or with one that is read-only, unpacks below TMPDIR", async () => {
    const TMPDIR = await executables.makeDirectory("tmp-");
    const uid = (await Deno.stat(TMPDIR)).uid;
    const cache = `${TMPDIR}/job-worker-${uid}`;
    assert.match((await version({ env: { TMPDIR } })).stdout, VERSION);
    assert.equal(await modeOf(cache), 0o700);

    await Deno.remove(cache, { recursive: true });
    assert.match((await version({ env: { TMPDIR, HOME: "/usr" } })).stdout, VERSION);
    assert.equal((await unpackedIn(cache)).length, 1);
  });

  Deno.test("An executable with nowhere to unpack names the places and what is wrong with each", async () => {
    const env = { HOME: "/usr", XDG_CACHE_HOME: "/proc" };
    const { code, stdout, stderr } = await version({ env });
    assert.deepEqual([code, stdout], [125, ""]);
    for (
      const place of ["/proc/job-worker", "/usr/.cache/job-worker", "/nonexistent/job-worker-"]
    ) {
      assert.match(stderr, new RegExp(`^  ${place}.*: .+`, "m"));
    }
  });

  Deno.test("An executable runs nothing from a directory that others may change", async () => {
    const home = await executables.makeDirectory("home-");
    const env = { HOME: home };
    assert.equal((await version({ env })).code, 0);
    const cache = `${home}/.cache/job-worker`;
    const [program = ""] = await unpackedIn(cache);
    for (const path of [home, `${home}/.cache`, cache, `${cache}/${program}`]) {
      const mode = await modeOf(path);
      await Deno.chmod(path, 0o777);
      const { code, stderr } = await version({ env });
      assert.equal(code, 125, path);
      assert.match(stderr, /others than you and root may change it/);
      await Deno.chmod(path, mode);
    }
    assert.equal((await version({ env })).code, 0);
  });

  Deno.test("An executable takes no link, and nobody else's directory, below TMPDIR", async () => {
    const TMPDIR = await executables.makeDirectory("tmp-");
    const { uid } = await Deno.stat(TMPDIR);
    const place = `${TMPDIR}/job-worker-${uid}`;
    const elsewhere = await executables.makeDirectory("elsewhere-");
    await Deno.symlink(elsewhere, place);
    assert.match((await version({ env: { TMPDIR } })).stderr, /symbolic link/);
    await Deno.remove(place);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(elsewhere)), []);

    if (Deno.uid() !== 0) return;
    // Somebody was there first, with a program of theirs.
    await Deno.mkdir(place);
    await Deno.chown(place, 1, 1);
    const { code, stderr } = await version({ env: { TMPDIR } });
    assert.equal(code, 125);
    assert.match(stderr, /others than you and root may change it/);
  });

  Deno.test("An executable that is damaged unpacks nothing", async () => {
    const home = await executables.makeDirectory("home-");
    const path = `${home}/worker-cli`;
    const bytes = await Deno.readFile(executables.path("worker-cli"));
    const middle = bytes.length >> 1;
    bytes[middle] = ~(bytes[middle] ?? 0);
    for (const damaged of [bytes, bytes.subarray(0, middle)]) {
      await Deno.writeFile(path, damaged, { mode: 0o755 });
      const { code, stderr } = await version({ path, env: { HOME: home } });
      assert.equal(code, 125);
      assert.match(stderr, /^worker-cli: Cannot unpack .* is damaged/);
    }
    await assert.rejects(Deno.stat(`${home}/.cache/job-worker`), Deno.errors.NotFound);
  });

  Deno.test("An executable removes old versions, but not the newest of them, nor one that runs", async () => {
    const home = await executables.makeDirectory("home-");
    const cache = `${home}/.cache/job-worker`;
    const { uid } = await Deno.stat(home);
    const directory = async (path: string, age: number) => {
      await Deno.mkdir(path, { recursive: true });
      await Deno.utime(path, Date.now() / 1000 - age, Date.now() / 1000 - age);
      for (const owned of [`${home}/.cache`, cache, path]) await Deno.chown(owned, uid, uid);
    };
    const [old, running, oldest] = ["a", "b", "c"].map((letter) => letter.repeat(64));
    await directory(`${cache}/${old}`, 10);
    await directory(`${cache}/${running}`, 20);
    await directory(`${cache}/${oldest}`, 30);
    // Left by an unpacking that was killed; no process has so high a number.
    await directory(`${cache}/new-99999999-abcdef`, 30);
    await directory(`${cache}/somebody-elses`, 30);
    await Deno.copyFile("/bin/sleep", `${cache}/${running}/deno`);
    await Deno.chmod(`${cache}/${running}/deno`, 0o755);
    const path = `${cache}/${running}/deno`;
    const child = executables.start("worker-cli", ["1000"], { path });
    try {
      await until(async () =>
        await Deno.readTextFile(`/proc/${child.pid}/comm`).catch(() => "") === "deno\n"
      );
      assert.equal((await version({ env: { HOME: home } })).code, 0);
      const left = await unpackedIn(cache);
      assert.deepEqual(left.filter((name) => /^[abc]{64}$/.test(name)), [old, running]);
      assert.deepEqual(left.filter((name) => !/^[0-9a-f]{64}$/.test(name)), ["somebody-elses"]);
    } finally {
      child.kill();
      await child.output();
    }
  });

  rootTest("Executables that root has unpacked in /var/cache are run by anybody", async () => {
    const home = await Deno.makeTempDir({ dir: executables.directory, prefix: "home-" });
    const path = executables.path("worker-cli");
    // Nobody has a place to unpack it once more.
    const script = '"$1" --version; unset HOME; shift; exec "$@"';
    const [program = "", ...args] = [
      ...WITH_OWN_VAR_CACHE,
      ...["/bin/sh", "-euc", script, "sh", path],
      ...[...AS_NOBODY, path, "--version"],
    ];
    const env = { PATH: `${executables.directory}/path`, HOME: home, TMPDIR: "/nonexistent" };
    const { code, stdout, stderr } = await new Deno.Command(program, { args, clearEnv: true, env })
      .output();
    const [out = "", err = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assert.deepEqual([code, err], [0, ""]);
    const [first = "", second, ...rest] = out.split(/(?<=\n)/);
    assert.match(first, VERSION);
    assert.deepEqual([second, rest], [first, []]);
    // In root's home the service would not find it.
    assert.deepEqual(await Array.fromAsync(Deno.readDir(home)), []);
  });
}

/** What Deno can tell from the unpacked program that an entry may import, now or later. */
async function inSight(place: string, entry: string): Promise<readonly string[]> {
  const found = new Set([entry]);
  // It grows on the way.
  for (const path of found) {
    if (!path.startsWith("./")) continue;
    const code = await Deno.readTextFile(`${place}/${path}`);
    const imports = code.matchAll(
      /^import (?:[^;"]*? from )?"([^"]+)";$|\bimport\("([^"]+)"\)/gm,
    );
    for (const [, now, maybe = ""] of imports) found.add(now ?? maybe);
  }
  return [...found];
}

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o7777;
}
