/**
 * A real PostgreSQL on a loopback port, for tests of registries that hubs share.
 *
 * @module
 */

import postgres from "postgres";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { freePort } from "../free_port.ts";
import { natsTest, PROGRAM as NATS_SERVER } from "./nats_server.ts";

/** Where Debian's package `postgresql` has put its programs; `null`: nowhere. They are not in `PATH` there. */
const PROGRAMS: string | null = await findPrograms();

async function findPrograms(): Promise<string | null> {
  const versions = await Array.fromAsync(Deno.readDir("/usr/lib/postgresql")).catch(() => []);
  const newest = versions.map(({ name }) => Number(name)).toSorted((a, b) => b - a)[0];
  return newest === undefined ? null : `/usr/lib/postgresql/${newest}/bin`;
}

/** A test that needs PostgreSQL; without it, it is skipped, and says so. */
export function postgresTest(name: string, fn: () => Promise<void>): void {
  const why = PROGRAMS === null ? " (skipped: needs postgresql)" : "";
  Deno.test({ name: name + why, ignore: PROGRAMS === null, fn });
}

/** A test that needs all that hubs do which share a registry. */
export function hubsTest(name: string, fn: () => Promise<void>): void {
  if (NATS_SERVER === null) natsTest(name, fn);
  else postgresTest(name, fn);
}

/** The user of the server: it refuses to run as root. */
const USER = "postgres";

/** The database that there is from the beginning. */
const DATABASE = "postgres";

/** All that hubs of tests write to the disk before it is taken away fits in there many times. */
const LOG_SIZE = "--wal-segsize=1";

/** What is safe to leave out where a power cut ends the test as well. */
const SETTINGS = ["fsync=off", "full_page_writes=off", "max_connections=40"];

/** The password of all users. */
export const PASSWORD = "not a secret";

/** A server with its data in a directory of its own, which goes away with it. */
export class TestPostgres implements AsyncDisposable {
  readonly port: number = freePort();
  readonly #directory: string;
  readonly #resources: AsyncDisposableStack;
  #databases = 0;

  private constructor(directory: string, resources: AsyncDisposableStack) {
    this.#directory = directory;
    this.#resources = resources;
  }

  static async start(): Promise<TestPostgres> {
    await using resources = new AsyncDisposableStack();
    const { path } = resources.use(await temporaryDirectory());
    const secret = `${path}/password`;
    await Deno.writeTextFile(secret, PASSWORD);
    await giveAway(path, secret);
    const data = ["--pgdata", `${path}/data`, "--username", USER, "--pwfile", secret];
    await run("initdb", ...data, "--auth=scram-sha-256", "--locale=C.UTF-8", LOG_SIZE, "--no-sync");
    const server = new TestPostgres(path, resources.move());
    await server.restart();
    return server;
  }

  /**
   * The address of what is a new, empty database to its user, who has a schema of their own in one that is shared:
   * PostgreSQL finds nothing else for them, and to copy a whole one each time would take longer than most tests.
   */
  async createDatabase(): Promise<string> {
    const user = `test_${++this.#databases}`;
    const login = { host: "127.0.0.1", port: this.port, user: USER, password: PASSWORD };
    const sql = postgres({ ...login, database: DATABASE, max: 1 });
    try {
      await sql.unsafe(
        `CREATE ROLE ${user} LOGIN PASSWORD '${PASSWORD}'; CREATE SCHEMA AUTHORIZATION ${user}`,
      );
    } finally {
      await sql.end();
    }
    return `postgres://${user}@127.0.0.1:${this.port}/${DATABASE}`;
  }

  /** Ends it, with all connections. */
  async kill(): Promise<void> {
    await run("pg_ctl", "stop", "--pgdata", `${this.#directory}/data`, "--mode=immediate", "-s");
  }

  /** Starts it again, on the same port, once it was killed. */
  async restart(): Promise<void> {
    const settings = SETTINGS.map((setting) => `-c ${setting}`).join(" ");
    const address = `-h 127.0.0.1 -p ${this.port} -k ${this.#directory}`;
    const data = ["--pgdata", `${this.#directory}/data`, "--log", `${this.#directory}/log`];
    await run("pg_ctl", "start", ...data, "--wait", "-s", "-o", `${settings} ${address}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill().catch(() => {});
    await this.#resources.disposeAsync();
  }
}

/** Runs one of the programs of PostgreSQL as its user. */
async function run(program: string, ...args: readonly string[]): Promise<void> {
  const asUser = Deno.uid() === 0
    ? ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"]
    : ["env"];
  const [first = "", ...rest] = asUser;
  // Nothing is piped: the server would hold that open for as long as it runs.
  const { code } = await new Deno.Command(first, {
    args: [...rest, `${PROGRAMS}/${program}`, ...args],
    env: { PGPASSWORD: PASSWORD, LC_ALL: "C.UTF-8" },
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  assert.equal(code, 0, `${program} has failed`);
}

async function giveAway(...paths: readonly string[]): Promise<void> {
  if (Deno.uid() !== 0) return;
  const users = await Deno.readTextFile("/etc/passwd");
  const [, , uid, gid] =
    users.split("\n").find((line) => line.startsWith(`${USER}:`))?.split(":") ??
      assert.fail(`There is no user ${USER}`);
  for (const path of paths) await Deno.chown(path, Number(uid), Number(gid));
}
