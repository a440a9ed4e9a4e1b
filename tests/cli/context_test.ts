import { resolve } from "node:path";
import { parse } from "../../lib/cli/grammar.ts";
import { UserDirectory } from "../../lib/cli/user_directory.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { runCli } from "./fake_daemon.ts";

/** A user with a home of their own. */
class User implements AsyncDisposable {
  readonly home: string;
  readonly #temporary: AsyncDisposable;

  private constructor(temporary: AsyncDisposable & { readonly path: string }) {
    this.#temporary = temporary;
    this.home = temporary.path;
  }

  static async create(): Promise<User> {
    return new User(await temporaryDirectory());
  }

  get directory(): string {
    return `${this.home}/.config/job-worker`;
  }

  /** What a line comes to, when it is understood. */
  settings(line: string, variables: Readonly<Record<string, string>> = {}) {
    const environment = (name: string) => ({ HOME: this.home, ...variables })[name];
    const parsed = parse(line.split(" "), environment, UserDirectory.of(environment));
    assert.ok(parsed.kind === "invocation", JSON.stringify(parsed));
    const { address, cert, key, ca } = parsed.invocation.settings;
    return { address, cert, key, ca };
  }

  run(line: string, variables: Readonly<Record<string, string>> = {}) {
    return runCli(line.split(" "), {}, { environment: { HOME: this.home, ...variables } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#temporary[Symbol.asyncDispose]();
  }
}

const PROD =
  "context add prod --address prod:1 --cert /p/c --key /p/k --ca /p/ca --rest-address p:2";

Deno.test("context add remembers a daemon, for the owner only, and the first one is in use", async () => {
  await using user = await User.create();
  assert.deepEqual(await user.run(PROD), { exitStatus: 0, stdout: "", stderr: "" });
  await user.run("context add test --address test:1 --cert relative.pem");
  for (
    const [path, mode] of [[`${user.directory}/contexts.json`, 0o600], [
      user.directory,
      0o700,
    ]] as const
  ) {
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, mode);
  }
  assert.deepEqual(await user.run("context list"), {
    exitStatus: 0,
    stdout: `*  prod  prod:1  /p/c\n   test  test:1  ${Deno.cwd()}/relative.pem\n`,
    stderr: "",
  });
  const [first] = (await user.run("context list --json")).stdout.split("\n");
  assert.deepEqual(JSON.parse(first ?? ""), {
    name: "prod",
    current: true,
    address: "prod:1",
    cert: "/p/c",
    key: "/p/k",
    ca: "/p/ca",
    "rest-address": "p:2",
  });
});

Deno.test("A context stands in for what neither the line nor a variable says", async () => {
  await using user = await User.create();
  await user.run(PROD);
  await user.run("context add test --address test:1");
  const prod = { address: "prod:1", cert: "/p/c", key: "/p/k", ca: "/p/ca" };
  assert.deepEqual(user.settings("health"), prod);
  assert.deepEqual(user.settings("health --address line:1"), { ...prod, address: "line:1" });
  const variables = { WORKER_ADDRESS: "variable:1", WORKER_KEY: "" };
  assert.deepEqual(user.settings("health", variables), { ...prod, address: "variable:1" });
  assert.equal(user.settings("health", { WORKER_CONTEXT: "test" }).address, "test:1");
  // Whoever names it in the line means it, whatever is set elsewhere.
  assert.equal(user.settings("--context test health", variables).address, "test:1");
  assert.equal(user.settings("health --context prod", variables).address, "prod:1");
});

Deno.test("A context stands in for the address of REST, too", async () => {
  await using user = await User.create();
  await user.run(PROD);
  await user.run("context add test --rest-address test:2");
  const environment = (name: string) => name === "HOME" ? user.home : undefined;
  const test = parse(["--context=test", "--health"], environment, UserDirectory.of(environment));
  assert.ok(test.kind === "invocation" && test.invocation.verb.kind === "rest");
  assert.equal(test.invocation.verb.address, "test:2");
  for (const line of [["--health"], ["--context", "prod", "--health"]]) {
    const parsed = parse(line, environment, UserDirectory.of(environment));
    assert.ok(parsed.kind === "invocation" && parsed.invocation.verb.kind === "rest");
    assert.equal(parsed.invocation.verb.address, "p:2");
    assert.equal(parsed.invocation.settings.ca, "/p/ca");
  }
});

Deno.test("context use and context remove change which one is in use", async () => {
  await using user = await User.create();
  await user.run(PROD);
  await user.run("context add test --address test:1");
  assert.equal((await user.run("context use test")).exitStatus, 0);
  assert.equal(user.settings("health").address, "test:1");
  assert.equal((await user.run("context remove test")).exitStatus, 0);
  assert.equal(user.settings("health").address, "0.0.0.0:8080");
  assert.equal((await user.run("context list")).stdout, "   prod  prod:1  /p/c\n");

  await user.run("context add spare --address spare:1 --key spare.pem --ca ca.pem");
  await user.run("context use prod");
  await user.run("context add other --address other:1");
  await user.run("context remove spare");
  assert.equal(user.settings("health").address, "prod:1");
});

Deno.test("context add keeps each path as it is from where it was typed", async () => {
  await using user = await User.create();
  await user.run("context add near --cert c.pem --key ../k.pem --ca /a.pem --user bob");
  const text = await Deno.readTextFile(`${user.directory}/contexts.json`);
  assert.deepEqual(JSON.parse(text), {
    current: "near",
    contexts: {
      near: {
        cert: `${Deno.cwd()}/c.pem`,
        key: resolve("../k.pem"),
        ca: "/a.pem",
        user: "bob",
      },
    },
  });
});

Deno.test("UserDirectory.of() goes by XDG_CONFIG_HOME if that is a path from the root, else by HOME", () => {
  const directories: [Record<string, string>, string | null][] = [
    [{ HOME: "/home/bob", XDG_CONFIG_HOME: "/config" }, "/config/job-worker"],
    [{ HOME: "/home/bob", XDG_CONFIG_HOME: "config" }, "/home/bob/.config/job-worker"],
    [{ HOME: "/home/bob", XDG_CONFIG_HOME: "" }, "/home/bob/.config/job-worker"],
    [{ XDG_CONFIG_HOME: "config" }, null],
    [{}, null],
  ];
  for (const [variables, path] of directories) {
    assert.equal(UserDirectory.of((name) => variables[name]).path, path);
  }
});

Deno.test("context refuses names that are taken, unknown or not names, and says what there is", async () => {
  await using user = await User.create();
  assert.match((await user.run("health --context prod")).stderr, /"prod": add it with/);
  await user.run(PROD);
  const lines: [string, number, RegExp][] = [
    [PROD, 125, /There already is a context "prod": choose another/],
    ["context use nobody", 2, /There is no context "nobody": the contexts are prod/],
    ["context remove toString", 2, /There is no context "toString"/],
    ["context add __proto__", 2, /Cannot name a context "__proto__"/],
    ["context add a/b", 2, /Cannot name a context "a\/b": use 1 to 64 letters/],
    ["context add", 2, /Context add needs a name/],
    ["context list prod", 2, /Context list takes no name/],
    ["context frobnicate x", 2, /add, use, list, remove/],
    ["health --context nobody", 2, /There is no context "nobody"/],
  ];
  for (const [line, exitStatus, message] of lines) {
    const outcome = await user.run(line);
    assert.equal(outcome.exitStatus, exitStatus, line);
    assert.match(outcome.stderr, message, line);
  }
  const nobody = await runCli(["context", "add", "x"], {}, { environment: {} });
  assert.match(nobody.stderr, /Cannot save contexts: HOME is not set/);
});

Deno.test("A damaged file of contexts is named, never replaced", async () => {
  await using user = await User.create();
  await Deno.mkdir(user.directory, { recursive: true });
  const path = `${user.directory}/contexts.json`;
  for (
    const text of [
      "{",
      "[]",
      '{"current": 1, "contexts": {}}',
      '{"current": null, "contexts": {"a": {"x": ""}}}',
    ]
  ) {
    await Deno.writeTextFile(path, text);
    for (const line of ["health", PROD]) {
      const { exitStatus, stderr } = await user.run(line);
      assert.notEqual(exitStatus, 0);
      assert.match(stderr, new RegExp(`Cannot use the contexts in "${path}"`));
    }
    assert.equal(await Deno.readTextFile(path), text);
  }
});

Deno.test("Certificates are found in the user's directory where there are none in certs/", async () => {
  await using user = await User.create();
  await using elsewhere = await temporaryDirectory();
  const own = {
    cert: `${user.directory}/client-cert.pem`,
    key: `${user.directory}/client-key.pem`,
    ca: `${user.directory}/ca-cert.pem`,
  };
  const local = {
    cert: "certs/client-cert.pem",
    key: "certs/client-key.pem",
    ca: "certs/ca-cert.pem",
  };
  const before = Deno.cwd();
  Deno.chdir(elsewhere.path);
  try {
    assert.partialDeepStrictEqual(user.settings("health"), local);
    await Deno.mkdir(user.directory, { recursive: true });
    await Deno.writeTextFile(own.cert, "");
    assert.partialDeepStrictEqual(user.settings("health"), own);
    assert.equal(user.settings("health", { WORKER_CA: "other" }).ca, "other");
    const moved = { XDG_CONFIG_HOME: `${user.home}/.config`, HOME: "/nonexistent" };
    assert.partialDeepStrictEqual(user.settings("health", moved), own);
    await Deno.mkdir("certs");
    await Deno.writeTextFile("certs/client-cert.pem", "");
    assert.partialDeepStrictEqual(user.settings("health"), local);
  } finally {
    Deno.chdir(before);
  }
});
