import bcrypt from "bcryptjs";
import { loadPasswordFile } from "../../lib/auth/password_file.ts";
import { editUsers, parseUserCommand } from "../../lib/daemon/user_command.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

Deno.test("user add takes the password from a file, a variable, or by asking, in this order", async () => {
  await using directory = await temporaryDirectory();
  const users = `${directory.path}/users`;
  const fileOf = async (name: string) => {
    await Deno.writeTextFile(`${directory.path}/${name}`, `from-${name}\r\nsecond line\n`);
    return `${directory.path}/${name}`;
  };
  const option = ["--password-file", await fileOf("option")];
  const WORKER_PASSWORD = "from-variable";
  const WORKER_PASSWORD_FILE = await fileOf("variable-file");
  const cases: [string, string[], Record<string, string>][] = [
    ["from-option", option, { WORKER_PASSWORD, WORKER_PASSWORD_FILE }],
    ["from-variable-file", [], { WORKER_PASSWORD, WORKER_PASSWORD_FILE }],
    ["from-variable", [], { WORKER_PASSWORD }],
    ["from-terminal", [], { WORKER_PASSWORD: "", WORKER_PASSWORD_FILE: "" }],
  ];
  for (const [expected, args, variables] of cases) {
    const set: Record<string, string> = { ...variables, WORKER_DAEMON_USERS: users };
    const questions: string[] = [];
    await editUsers(["add", "alice", "--role", "viewer", ...args], {
      environment: (name) => set[name],
      print: () => {},
      askNewPassword: (question) => {
        questions.push(question);
        return Promise.resolve("from-terminal");
      },
    });
    const { hash = "" } = (await loadPasswordFile(users))?.get("alice") ?? {};
    assert.ok(await bcrypt.compare(expected, hash), expected);
    const asked = expected === "from-terminal" ? ["Password for alice: "] : [];
    assert.deepEqual(questions, asked);
  }
  await Deno.writeTextFile(`${directory.path}/empty`, "\nsecret");
  for (
    const [file, why] of [["none", /Cannot read the password/], ["empty", /first line/]] as const
  ) {
    const adding = editUsers(["add", "bob", "--role", "viewer"], {
      environment: (name) =>
        name === "WORKER_PASSWORD_FILE" ? `${directory.path}/${file}` : undefined,
      print: () => {},
      askNewPassword: () => Promise.resolve("from-terminal"),
    });
    await assert.rejects(adding, { code: "invalid_argument", message: why });
  }
});

Deno.test("parseUserCommand() finds the users file where the daemon would, unless the line names another", async () => {
  const environment = (name: string) =>
    name === "WORKER_DAEMON_USERS" ? "/the/daemon's" : undefined;
  const line = (...args: string[]) => parseUserCommand(["add", "bob", ...args], environment);
  assert.deepEqual(await line("--role=viewer,operator"), {
    path: "/the/daemon's",
    user: "bob",
    roles: ["operator", "viewer"],
    passwordFile: undefined,
  });
  const named = await line("--role=admin", "--users=/another", "--password-file=/the/password");
  assert.deepEqual(named, {
    path: "/another",
    user: "bob",
    roles: ["admin"],
    passwordFile: "/the/password",
  });
  for (const args of [[], ["--role=king"], ["--role=admin", "more"]]) {
    await assert.rejects(line(...args), { code: "invalid_argument" });
  }
});

Deno.test("parseUserCommand() finds the users file in the configuration that the line names", async () => {
  await using directory = await temporaryDirectory();
  const config = `${directory.path}/job-worker.json`;
  await Deno.writeTextFile(config, '{ "users": "certs/users.htpasswd" }');
  const pathOf = async (...args: string[]) => {
    const line = ["add", "bob", "--role=viewer", `--config=${config}`, ...args];
    return (await parseUserCommand(line, () => undefined))?.path;
  };
  assert.equal(await pathOf(), `${directory.path}/certs/users.htpasswd`);
  assert.equal(await pathOf("--users=/another"), "/another");
  await assert.rejects(pathOf("--config=/nonexistent"), { code: "invalid_argument" });
});

Deno.test("user says in one line what is wrong with its arguments", async () => {
  const cases: [line: string, RegExp][] = [
    ["", /^An action is missing; there is only add\nUsage/],
    [
      "del bob",
      /^Unknown action "del"; there is only add; to remove a user, delete the line .*\nUsage/,
    ],
    ["show bob", /^Unknown action "show"; there is only add\nUsage/],
    ["add", /^The name of the user is missing\nUsage/],
    ["add bob", /^--role is missing; give admin, operator, viewer, or several by commas\nUsage/],
    ["add bob more --role viewer", /^Unexpected argument "more"\nUsage/],
    ["add bob --colour x", /^Unknown option "--colour"\nUsage/],
    ["add bob --rol viewer", /^Unknown option "--rol": did you mean --role\?$/],
    ["add bob --role", /^--role needs a value\nUsage/],
    ["add bob --role --users=x", /^--role needs a value\nUsage/],
    ["add bob --help=1", /^--help takes no value\nUsage/],
  ];
  for (const [line, message] of cases) {
    const parsing = parseUserCommand(
      line.split(" ").filter((word) => word !== ""),
      () => undefined,
    );
    await assert.rejects(parsing, { code: "invalid_argument", message });
  }
});

Deno.test("user add asks for no password that it could not store", async () => {
  await using directory = await temporaryDirectory();
  const refused = async (users: string, name: string, code: string, message: string) => {
    const adding = editUsers(["add", name, "--role", "viewer"], {
      environment: (name) => name === "WORKER_DAEMON_USERS" ? users : undefined,
      print: () => {},
      askNewPassword: () => assert.fail("It asks"),
    });
    await assert.rejects(adding, { code, message });
  };
  const users = `${directory.path}/certs/users`;
  const cannot = (users: string) => `Cannot change the users file "${users}": `;
  await refused(
    users,
    "bob",
    "failed_precondition",
    `${
      cannot(users)
    }there is no directory "${directory.path}/certs"; pass the path of the file with --users FILE`,
  );
  const { path } = directory;
  await refused(path, "bob", "failed_precondition", `${cannot(path)}it is a directory`);
  await refused(
    `${path}/users`,
    "b:b",
    "invalid_argument",
    'Cannot use "b:b" as a user name: it must have 1 to 64 characters, without spaces or colons',
  );
});

Deno.test("user add says how long a password is that is too short", async () => {
  for (const [password, length] of [["1", "1 character:"], ["22", "2 characters:"]] as const) {
    const adding = editUsers(["add", "bob", "--role", "viewer"], {
      environment: (name) => name === "WORKER_PASSWORD" ? password : undefined,
      print: () => {},
      askNewPassword: () => Promise.reject(new Error("Nobody is there")),
    });
    const message = new RegExp(`^Cannot use a password of ${length} it must have at least 8`);
    await assert.rejects(adding, { code: "invalid_argument", message });
  }
});
