import { connectKept } from "../../../lib/cli/kept/connect_kept.ts";
import { socketDirectory, socketPath } from "../../../lib/cli/kept/place.ts";
import { Keeper } from "../../../lib/cli/kept/keeper.ts";
import { JobWorkerError } from "../../../lib/errors.ts";
import { assert } from "../../assert.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";
import { clientOf, jobOf } from "../fake_daemon.ts";
import { settingsOf } from "../parsing.ts";
import { HOUR_MS } from "./fixture.ts";

/** A user with certificates, and what happens when they connect. */
async function stage(): Promise<Stage> {
  const directory = await temporaryDirectory();
  for (const name of ["cert", "key", "ca"]) {
    await Deno.writeTextFile(`${directory.path}/${name}`, name);
  }
  return new Stage(directory);
}

class Stage implements AsyncDisposable {
  readonly path: string;
  /** What has happened, in order. */
  readonly events: string[] = [];
  /** What connecting to the daemon fails with. */
  failure: Error | null = null;
  readonly #directory: AsyncDisposable;

  constructor(directory: AsyncDisposable & { readonly path: string }) {
    this.path = directory.path;
    this.variables = {
      XDG_RUNTIME_DIR: this.path,
      WORKER_EXECUTABLE: "/usr/bin/worker-cli",
    };
    this.#directory = directory;
  }

  get settings(): ReturnType<typeof settingsOf> {
    const files = ["cert", "key", "ca"].map((name) => `--${name}=${this.path}/${name}`);
    return settingsOf(["health", "--keep-connection=1h", ...files]);
  }

  readonly variables: Record<string, string>;
  environment = (name: string): string | undefined => this.variables[name];

  get directory(): string {
    return `${this.path}/job-worker/connections`;
  }

  /** The process that answers a call: 1 is the daemon, asked directly, 2 the keeper. */
  async pid(): Promise<number> {
    await using client = await connectKept(this.settings, { onReconnecting: () => {} }, {
      environment: this.environment,
      connect: () => {
        this.events.push("connect");
        if (this.failure !== null) return Promise.reject(this.failure);
        return Promise.resolve(clientOf({ getJob: () => Promise.resolve(jobOf({ pid: 1 })) }));
      },
      onNotKept: (why) => this.events.push(why),
      start: () => this.events.push("start"),
    });
    return (await client.getJob({ jobId: "1" })).pid;
  }

  /** What has happened since this was last asked. */
  happened(): readonly string[] {
    return this.events.splice(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }
}

Deno.test("A keeper is started where there is none, once the daemon was reached", async () => {
  await using user = await stage();
  user.failure = new JobWorkerError("unavailable", "Nothing listens there");
  await assert.rejects(user.pid(), user.failure);
  assert.deepEqual(user.happened(), ["connect"]);
  user.failure = null;
  assert.equal(await user.pid(), 1);
  assert.deepEqual(user.happened(), ["connect", "start"]);
  const { mode, isDirectory } = await Deno.stat(user.directory);
  assert.ok(isDirectory);
  assert.equal((mode ?? 0) & 0o777, 0o700);
});

Deno.test("A keeper is used, until a file or the address is another", async () => {
  await using user = await stage();
  const path = await socketPath(await socketDirectory(user.environment), user.settings);
  const keeper = new Keeper(Deno.listen({ transport: "unix", path }), HOUR_MS);
  const client = clientOf({ getJob: () => Promise.resolve(jobOf({ pid: 2 })) });
  const ended = keeper.serve(Promise.resolve(client));
  assert.equal(await user.pid(), 2);
  assert.deepEqual(user.happened(), []);
  for (const name of ["cert", "key", "ca"]) {
    await Deno.writeTextFile(`${user.path}/${name}`, "another");
    assert.equal(await user.pid(), 1, name);
    assert.deepEqual(user.happened(), ["connect", "start"]);
    await Deno.writeTextFile(`${user.path}/${name}`, name);
    assert.equal(await user.pid(), 2, name);
  }
  const { settings } = user;
  const elsewhere = await socketPath(user.directory, { ...settings, address: "there:1" });
  assert.notEqual(elsewhere, path);
  // Bytes that move from one file to the next make another identity.
  await Deno.writeTextFile(`${user.path}/cert`, "certk");
  await Deno.writeTextFile(`${user.path}/key`, "ey");
  assert.notEqual(await socketPath(user.directory, settings), path);
  keeper.close();
  await ended;
  await Deno.remove(`${user.path}/key`);
  assert.equal(await user.pid(), 1);
  const [why = "", ...others] = user.happened();
  assert.match(why, /No such file/);
  assert.deepEqual(others, ["connect"]);
});

Deno.test("Nothing is kept from source, where no program can be a keeper", async () => {
  await using user = await stage();
  delete user.variables.WORKER_EXECUTABLE;
  assert.equal(await user.pid(), 1);
  assert.deepEqual(user.happened(), ["only the executables can do that", "connect"]);
});

Deno.test("What a keeper has left that was killed is no reason to wait", async () => {
  await using user = await stage();
  const path = await socketPath(await socketDirectory(user.environment), user.settings);
  await using _left = await killedListener(path);
  assert.equal(await user.pid(), 1);
  assert.deepEqual(user.happened(), ["connect", "start"]);
});

/** A socket at which nobody listens any more. */
async function killedListener(path: string): Promise<AsyncDisposable> {
  const listener = Deno.listen({ transport: "unix", path: `${path}.new` });
  await Deno.link(`${path}.new`, path);
  listener.close();
  return { [Symbol.asyncDispose]: () => Deno.remove(path) };
}

Deno.test("A directory that others can enter is not used, and nothing is started", async () => {
  await using user = await stage();
  await Deno.mkdir(user.directory, { recursive: true });
  await Deno.chmod(user.directory, 0o750);
  assert.equal(await user.pid(), 1);
  const [why = "", ...others] = user.happened();
  assert.match(why, /connections" is not a directory of yours that nobody else can enter/);
  assert.deepEqual(others, ["connect"]);
  // Neither is what leads to another's.
  await Deno.chmod(user.directory, 0o700);
  await Deno.rename(user.directory, `${user.path}/elsewhere`);
  await Deno.symlink(`${user.path}/elsewhere`, user.directory);
  assert.equal(await user.pid(), 1);
  assert.match(user.happened()[0] ?? "", /is not a directory of yours/);
  // Nor one that cannot be made.
  await Deno.remove(`${user.path}/job-worker`, { recursive: true });
  await Deno.writeTextFile(`${user.path}/job-worker`, "");
  assert.equal(await user.pid(), 1);
  assert.match(user.happened()[0] ?? "", /connections" cannot be made: /);
  await assert.rejects(socketDirectory(() => undefined), /neither XDG_RUNTIME_DIR nor HOME/);
  // Nor is anything made in a directory of somebody else.
  if (Deno.uid() === 0) await Deno.chown(user.path, 65_534, 65_534);
  const foreign = Deno.uid() === 0 ? user.path : "/usr";
  await assert.rejects(socketDirectory(() => foreign), /^Error: ".*" is not yours$/);
});
