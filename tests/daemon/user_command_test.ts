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
