/** Every variable that is documented has its effect, and no other is read. */

import bcrypt from "bcryptjs";
import { manualPages } from "../../../build/manual.ts";
import { loadPasswordFile } from "../../../lib/auth/password_file.ts";
import { describeGrammar, parse } from "../../../lib/cli/grammar.ts";
import { main } from "../../../lib/cli/main.ts";
import { UserDirectory } from "../../../lib/cli/user_directory.ts";
import { loadOptions } from "../../../lib/config/config_file.ts";
import { helpText } from "../../../lib/config/help_text.ts";
import { init } from "../../../lib/daemon/init.ts";
import { OPTION_ROWS } from "../../../lib/config/options.ts";
import { parseOptions } from "../../../lib/config/parse_options.ts";
import { editUsers } from "../../../lib/daemon/user_command.ts";
import { assert } from "../../assert.ts";
import { FakeIo, JOB_ID, runCli } from "../../cli/fake_daemon.ts";
import { OPTION_SAMPLES } from "../../config/option_samples.ts";
import { ROOT } from "../../programs.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";

const NAME = /(?<![A-Z_])WORKER_[A-Z]+(?:_[A-Z]+)*\b(?!_)/g;

/** What was looked for. */
const asked = new Set<string>();
type Variables = Readonly<Record<string, string>>;

function environmentOf(variables: Variables): (name: string) => string | undefined {
  return (name) => {
    asked.add(name);
    return Object.hasOwn(variables, name) ? variables[name] : undefined;
  };
}

/** What a line of the CLI means. */
function parsed(line: string, variables: Variables) {
  const environment = environmentOf(variables);
  const { HOME = null } = variables;
  const result = parse(line.split(" "), environment, new UserDirectory(HOME));
  assert.ok(result.kind === "invocation", JSON.stringify(result));
  return result.invocation;
}

const settings = (variables: Variables) => parsed("list", variables).settings;

function rest(variables: Variables) {
  const { verb } = parsed("--health", variables);
  assert.ok(verb.kind === "rest");
  return verb;
}

/** The password that the CLI sends to REST. */
async function restPassword(variables: Variables): Promise<string | undefined> {
  let password: string | undefined;
  const io = new FakeIo({}, {
    environment: variables,
    askPassword: () => Promise.resolve("typed"),
    readTextFile: (path) => Promise.resolve(`from ${path}\n`),
    connectRest: ({ credentials }) => {
      password = credentials?.password;
      return Promise.reject(new Error("No more is of interest"));
    },
  });
  const environment = environmentOf(variables);
  await main(["--stop", JOB_ID, "--user", "u"], Object.assign(io, { environment }));
  return password;
}

/** A directory that `init` has filled. */
async function initialized(variables: Variables, path: string): Promise<string> {
  const line = [`--dir=${path}`, "--user=bob", "--systemd", "--system", "--job-user=nobody"];
  return await init(line, environmentOf(variables));
}

/** A text for a variable, and how to see that it is heeded: with it, and not without it. */
interface Effect {
  readonly text: string;
  readonly see: (variables: Variables) => unknown;
  readonly expected: unknown;
}

function effects(directory: string): Readonly<Record<string, Effect>> {
  const daemon = OPTION_ROWS.map(({ key, variable }): [string, Effect] => {
    const { text, value } = OPTION_SAMPLES[key];
    const see = (variables: Variables) => {
      const invocation = parseOptions([], environmentOf(variables));
      return "options" in invocation && invocation.options[key];
    };
    return [variable, { text, see, expected: value }];
  });
  return {
    ...Object.fromEntries(daemon),
    WORKER_DAEMON_CONFIG: {
      text: `${directory}/job-worker.json`,
      see: async (variables) => {
        const invocation = await loadOptions([], environmentOf(variables));
        return "options" in invocation && invocation.options.gateways;
      },
      expected: 63,
    },
    WORKER_ADDRESS: { text: "h:1", see: (set) => settings(set).address, expected: "h:1" },
    WORKER_CERT: { text: "c.pem", see: (set) => settings(set).cert, expected: "c.pem" },
    WORKER_KEY: { text: "k.pem", see: (set) => settings(set).key, expected: "k.pem" },
    WORKER_CA: { text: "ca.pem", see: (set) => settings(set).ca, expected: "ca.pem" },
    WORKER_KEEP_CONNECTION: {
      text: "2s",
      see: (set) => settings(set).keepConnection,
      expected: 2_000,
    },
    WORKER_JSON: { text: "1", see: (set) => settings(set).json, expected: true },
    WORKER_DEBUG: { text: "1", see: (set) => settings(set).debug, expected: true },
    WORKER_NO_COLOR: { text: "1", see: (set) => settings(set).color, expected: false },
    WORKER_CONTEXT: {
      text: "there",
      see: (set) => settings({ ...set, HOME: directory }).address,
      expected: "there:1",
    },
    WORKER_REST_ADDRESS: { text: "h:2", see: (set) => rest(set).address, expected: "h:2" },
    WORKER_USER: { text: "u", see: (set) => rest(set).user, expected: "u" },
    WORKER_PASSWORD_FILE: { text: "p", see: restPassword, expected: "from p" },
    WORKER_PASSWORD: { text: "secret", see: restPassword, expected: "secret" },
    WORKER_EXECUTABLE: {
      text: "/opt/a program",
      see: async (set) => {
        await using place = await temporaryDirectory();
        await initialized(set, place.path);
        const unit = await Deno.readTextFile(`${place.path}/worker-daemon.service`);
        return unit.includes('ExecStart="/opt/a program"');
      },
      expected: true,
    },
  };
}

/** Every variable that somebody who reads can learn of. */
async function documented(): Promise<Set<string>> {
  // The changes of the font are left out.
  const pages = [...manualPages().values()].map((page) => page.replace(/\\f[A-Z]/g, " "));
  const texts = [await Deno.readTextFile(`${ROOT}README.md`), ...pages];
  for await (const { name } of Deno.readDir(`${ROOT}docs`)) {
    if (name.endsWith(".md")) texts.push(await Deno.readTextFile(`${ROOT}docs/${name}`));
  }
  for (const verb of ["", ...describeGrammar().commands.map(({ name }) => name)]) {
    texts.push((await runCli([verb, "--help"].filter(Boolean))).stdout);
  }
  texts.push(helpText(), await init(["--help"], environmentOf({})));
  await editUsers(["--help"], {
    environment: environmentOf({}),
    print: (text) => texts.push(text),
    askNewPassword: () => assert.fail("It is not asked"),
  });
  return new Set(texts.flatMap((text) => text.match(NAME) ?? []));
}

/** The variables that the sources name. */
async function named(): Promise<Set<string>> {
  const names = new Set<string>();
  const look = async (directory: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(directory)) {
      const path = `${directory}/${name}`;
      if (isDirectory) await look(path);
      else if (/\.(ts|sh)$/.test(name)) {
        for (const found of (await Deno.readTextFile(path)).match(NAME) ?? []) names.add(found);
      }
    }
  };
  await look(`${ROOT}lib`);
  return names;
}

Deno.test("Every variable that is documented has its effect, and no other is read", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  await Deno.writeTextFile(`${path}/job-worker.json`, '{"gateways": 63}', { mode: 0o600 });
  const contexts = { current: null, contexts: { there: { address: "there:1" } } };
  await Deno.writeTextFile(`${path}/contexts.json`, JSON.stringify(contexts));
  const all = effects(path);
  assert.deepEqual([...await documented()].sort(), Object.keys(all).sort());
  for (const [name, { text, see, expected }] of Object.entries(all)) {
    assert.notDeepEqual(await see({}), expected, `${name} is not needed`);
    assert.deepEqual(await see({ [name]: text }), expected, name);
    // A shell may set it to nothing.
    assert.deepEqual(await see({ [name]: "" }), await see({}), `${name}=`);
  }
  const read = [...await named(), ...[...asked].filter((name) => name.startsWith("WORKER_"))];
  assert.deepEqual(read.filter((name) => !Object.hasOwn(all, name)), []);
});

for (const [variable, how] of [["WORKER_PASSWORD", "itself"], ["WORKER_PASSWORD_FILE", "a file"]]) {
  Deno.test(`worker-daemon init and user add take the password from ${variable}`, async () => {
    await using directory = await temporaryDirectory();
    const { path } = directory;
    const password = `secret in ${how}`;
    await Deno.writeTextFile(`${path}/password`, `${password}\nmore`);
    const text = how === "itself" ? password : `${path}/password`;
    const variables = { [variable ?? ""]: text };

    const told = await initialized(variables, `${path}/place`);
    assert.doesNotMatch(told, /secret|shown this once/);
    const users = `${path}/users`;
    await editUsers(["add", "bob", "--role", "viewer", "--users", users], {
      environment: environmentOf(variables),
      print: () => {},
      askNewPassword: () => assert.fail("It is not asked"),
    });
    for (const file of [`${path}/place/certs/users.htpasswd`, users]) {
      const { hash = "" } = (await loadPasswordFile(file))?.get("bob") ?? {};
      assert.ok(await bcrypt.compare(password, hash), file);
    }
  });
}
