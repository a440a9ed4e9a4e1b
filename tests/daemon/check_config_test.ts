/**
 * What a start needs: what must be mended first is told by `--check-config` as by the start, with the status
 * after which systemd does not start it again; what may pass is told by the start only.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { main } from "../../lib/daemon/main.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { TestProcess } from "../end_to_end/process.ts";
import { AS_ROOT, programLine } from "../programs.ts";
import { NO_SMALL_DISK, SmallDisk } from "../small_disk.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { job } from "../executor/job_fixture.ts";

const MUST_BE_MENDED = 78;
const MAY_PASS = 1;

/** A daemon with good certificates, and the status and text of a run of it in this process. */
async function run(args: readonly string[]): Promise<{ code: number; text: string }> {
  let text = "";
  const code = await main({
    args,
    environment: () => undefined,
    // A start that begins to serve would not end.
    signal: AbortSignal.timeout(60_000),
    onReload: () => {},
    pipes: { input: new ReadableStream(), output: new WritableStream() },
    print: (printed) => text += printed,
    printError: (printed) => text += printed,
    askNewPassword: () => Promise.reject(new Error("Nobody is there")),
  });
  return { code, text };
}

function argsOf(certificates: TestCertificates, dataDir: string): string[] {
  const { cert, key, ca } = certificates.paths("server");
  return [
    ...[`--cert=${cert}`, `--key=${key}`, `--ca=${ca}`, `--data-dir=${dataDir}`],
    ...["--address=127.0.0.1:0", "--rest-address=off", ...AS_ROOT],
  ];
}

/** A sound database of some pages, of a daemon that has ended. */
async function makeDatabase(data: string): Promise<string> {
  const path = `${data}/jobs.db`;
  await using store = await SqliteStore.open(path);
  const put = (index: number) => store.put(job({ jobId: `a${index}`, labels: { l: `${index}` } }));
  await Promise.all(Array.from({ length: 300 }, (_, index) => put(index)));
  return path;
}

async function rewrite(path: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  await Deno.writeFile(path, change(await Deno.readFile(path)));
}

/** What somebody has done to a data directory that is there, and what is said of it. */
const DAMAGES: readonly (readonly [
  what: string,
  damage: (data: string) => Promise<unknown>,
  said: RegExp,
])[] = [
  [
    "a database with a page of garbage",
    async (data) =>
      await rewrite(await makeDatabase(data), (bytes) => bytes.fill(0xff, 4 * 4096, 5 * 4096)),
    /jobs\.db": it is damaged .* restore it from a backup/,
  ],
  [
    "a database that was cut short",
    async (data) => await rewrite(await makeDatabase(data), (bytes) => bytes.subarray(0, 9_000)),
    /jobs\.db": it is damaged/,
  ],
  [
    "an empty database",
    async (data) => await Deno.writeFile(`${data}/jobs.db`, new Uint8Array()),
    /jobs\.db": it is damaged/,
  ],
  [
    "a text in the place of the database",
    async (data) => await Deno.writeTextFile(`${data}/jobs.db`, "text\n".repeat(1_000)),
    /jobs\.db": it is damaged .*not a database/,
  ],
  [
    "a database of a newer version",
    async (data) => {
      using newer = new DatabaseSync(await makeDatabase(data));
      newer.exec("PRAGMA user_version = 99");
    },
    /schema 99 is newer than/,
  ],
  [
    "a database of a newer version that has died",
    async (data) => {
      const path = await makeDatabase(data);
      using newer = new DatabaseSync(path);
      newer.exec("PRAGMA user_version = 99");
      newer.exec("PRAGMA wal_checkpoint; PRAGMA wal_autocheckpoint = 0");
      newer.exec("CREATE TABLE t (a)");
      for (const end of ["", "-wal"]) await Deno.copyFile(path + end, `${data}/copy${end}`);
      newer.close();
      for (const end of ["", "-wal"]) await Deno.rename(`${data}/copy${end}`, path + end);
    },
    /schema 99 is newer than/,
  ],
  [
    "a database of another program",
    (data) => {
      using foreign = new DatabaseSync(`${data}/jobs.db`);
      foreign.exec("CREATE TABLE jobs (name TEXT)");
      return Promise.resolve();
    },
    /not a database of Job Worker/,
  ],
  [
    "a directory in the place of the database",
    (data) => Deno.mkdir(`${data}/jobs.db`),
    /jobs\.db": it is not a file|Cannot open the database ".*jobs\.db": /,
  ],
  [
    "a directory in the place of the audit trail",
    (data) => Deno.mkdir(`${data}/audit.log`),
    /audit\.log": it is not a file|Cannot write the audit trail .*audit\.log: Is a directory/,
  ],
  [
    "a pipe in the place of the audit trail",
    (data) => new Deno.Command("mkfifo", { args: [`${data}/audit.log`] }).output(),
    /audit\.log"?: it is not a file/,
  ],
  [
    "a file in the place of the logs",
    (data) => Deno.writeTextFile(`${data}/logs`, ""),
    /logs": it is not a directory|Cannot keep logs in ".*logs": File exists/,
  ],
  [
    "a file in the place of the outcomes",
    (data) => Deno.writeTextFile(`${data}/outcomes`, ""),
    /outcomes": it is not a directory|Cannot keep outcomes of jobs in ".*outcomes": File exists/,
  ],
  [
    "a directory in the place of an executor's socket",
    (data) => Deno.mkdir(`${data}/executor.2.sock/there`, { recursive: true }),
    /Cannot make an executor's socket ".*executor\.2\.sock": /,
  ],
  [
    "a directory in the place of the engine's socket",
    (data) => Deno.mkdir(`${data}/engine.sock/there`, { recursive: true }),
    /Cannot make the engine's socket ".*engine\.sock": /,
  ],
  [
    "a directory in the place of the database's journal",
    async (data) => {
      await makeDatabase(data);
      await Deno.mkdir(`${data}/jobs.db-journal`);
    },
    /jobs\.db-journal": it is not a file|Cannot open the database ".*jobs\.db": /,
  ],
  ...["jobs.db", "audit.log", "logs", "outcomes"].map((name): typeof DAMAGES[number] => [
    `a link that leads nowhere in the place of ${name}`,
    (data) => Deno.symlink(`${data}/nowhere/${name}`, `${data}/${name}`),
    new RegExp(`${name}" is a link that leads nowhere|Cannot .*${name}\\b.*: `),
  ]),
  [
    "a directory that others may write in",
    (data) => Deno.chmod(data, 0o777),
    /others than its owner may write in it; run `chmod go-w /,
  ],
];

Deno.test("What must be mended in the data directory is told by a check as by the start", async () => {
  await using certificates = await TestCertificates.create();
  for (const [what, damage, said] of DAMAGES) {
    await using directory = await temporaryDirectory();
    await damage(directory.path);
    const args = argsOf(certificates, directory.path);
    for (const more of [["--check-config"], []]) {
      const { code, text } = await run([...args, ...more]);
      assert.equal(code, MUST_BE_MENDED, `${what} ${more}: ${text}`);
      assert.match(text, said, `${what} ${more}`);
    }
  }
});

Deno.test("What must be mended around the data directory, and of users, is told by a check as by the start", async () => {
  await using certificates = await TestCertificates.create();
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/file`;
  await Deno.writeTextFile(file, "");
  const link = `${directory.path}/link`;
  await Deno.symlink(`${directory.path}/nowhere`, link);
  const nobody = "x-nobody-x";
  const map = `${directory.path}/map`;
  await Deno.writeTextFile(map, `alice root\n# not here\nrole:operator ${nobody}\n`, {
    mode: 0o600,
  });
  const broken = `${directory.path}/broken`;
  await Deno.writeTextFile(broken, "alice\n", { mode: 0o600 });
  const rows: readonly (readonly [args: readonly string[], said: RegExp])[] = [
    [[`--data-dir=${file}`], /it is not a directory/],
    [
      [`--data-dir=${file}/data`],
      /Cannot use the data directory ".*": a part of the path is not a directory/,
    ],
    [[`--data-dir=${link}`], /link" is a link that leads nowhere/],
    [[`--data-dir=${link}/data`], /link" is a link that leads nowhere|link\/data": /],
    [["--data-dir=/proc/1/data"], /"\/proc\/1(\/data)?"/],
    [[`--job-user=${nobody}`], /^worker-daemon: --job-user "x-nobody-x": there is no such user/],
    [[`--allow-users=root,${nobody}`], /: --allow-users "x-nobody-x": there is no such user/],
    [
      ["--job-user=", `--job-user-map=${map}`],
      Deno.uid() === 0
        ? /Cannot use line 3 of the map of users ".*\/map": user "x-nobody-x": there is no such user/
        : /line [13] .*(no such user|only a daemon that runs as root)/,
    ],
    [
      ["--job-user=", `--job-user-map=${broken}`],
      /Cannot use line 1 of .*broken": expected an owner/,
    ],
    [["--job-user=", `--job-user-map=${file}/map`], /Cannot use the map of users ".*\/file\/map"/],
    // A daemon that runs as root must be told; another can have jobs of its own user only.
    [[`--job-user=${Deno.uid() === 0 ? "" : "root"}`], /runs as root/],
  ];
  for (const [wrong, said] of rows) {
    const args = [...argsOf(certificates, `${directory.path}/data`), ...wrong];
    for (const more of [["--check-config"], []]) {
      const { code, text } = await run([...args, ...more]);
      assert.equal(code, MUST_BE_MENDED, `${wrong} ${more}: ${text}`);
      assert.match(text, said);
    }
  }
});

Deno.test({
  name: `A read-only disk must be mended, a full one may pass${NO_SMALL_DISK}`,
  ignore: NO_SMALL_DISK !== "",
  async fn() {
    await using certificates = await TestCertificates.create();
    await using disk = await SmallDisk.mount(1);
    const args = argsOf(certificates, disk.path);
    await disk.fill();
    assert.equal((await run([...args, "--check-config"])).code, 0);
    const full = await run(args);
    assert.deepEqual(
      [full.code, /No space left|full/.test(full.text)],
      [MAY_PASS, true],
      full.text,
    );
    await disk.free();
    await disk.remountReadOnly();
    for (const more of [["--check-config"], []]) {
      const { code, text } = await run([...args, ...more]);
      assert.equal(code, MUST_BE_MENDED, text);
    }
  },
});

Deno.test("A check beside a daemon that runs touches neither its database nor its lock", async () => {
  await using certificates = await TestCertificates.create();
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const data = `${path}/data`;
  const args = argsOf(certificates, data);
  const line = programLine("worker-daemon", path);
  await using daemon = new TestProcess([...line, ...args], { cwd: path });
  await daemon.seen(/listening on/);
  const look = async () =>
    await Array.fromAsync(Deno.readDir(data), async ({ name }) => {
      const { size, mtime } = await Deno.stat(`${data}/${name}`);
      return [name, size, mtime];
    });
  const before = await look();
  const checked = await run([...args, "--check-config"]);
  assert.deepEqual(checked, { code: 0, text: "The configuration is good\n" });
  assert.deepEqual(await look(), before);
  // It has kept its lock, which may pass.
  const second = await run(args);
  assert.equal(second.code, MAY_PASS, second.text);
  assert.match(second.text, /another daemon has it open/);
  daemon.kill("SIGTERM");
  assert.equal((await daemon.finished()).code, 0);
});

Deno.test("A start with files that its gateway cannot use ends with 78, and makes no data directory", async () => {
  await using certificates = await TestCertificates.create();
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const write = async (name: string, text: string) => {
    await Deno.writeTextFile(`${path}/${name}`, text, { mode: 0o600 });
    return `${path}/${name}`;
  };
  const client = certificates.paths("client");
  const denyList = await write("denied", "bob\n");
  const users = await write("users", "bob\n");
  const mistakes: [args: readonly string[], says: RegExp][] = [
    [[`--cert=${path}/none.pem`], /none\.pem": there is no such file; make certificates with/],
    [
      [`--cert=${client.cert}`, `--key=${client.key}`],
      /it is not for servers \(no EKU serverAuth\)/,
    ],
    [[`--deny-list=${denyList}`], /Cannot use the deny list ".*denied": .*"bob"/],
    [[`--rest-address=127.0.0.1:0`, `--users=${users}`], /users"/],
  ];
  for (const [mistake, says] of mistakes) {
    const args = [...argsOf(certificates, `${path}/data`), ...mistake];
    for (const line of [args, [...args, "--check-config"]]) {
      const { code, text } = await run(line);
      assert.match(text, says);
      assert.equal(code, MUST_BE_MENDED, text);
      await assert.rejects(Deno.stat(`${path}/data`), Deno.errors.NotFound);
    }
  }
});
