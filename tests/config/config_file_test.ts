import { loadOptions, readConfigFile } from "../../lib/config/config_file.ts";
import type { DaemonOptions } from "../../lib/config/options.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { rootTest } from "../root.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import {
  DEFAULT_OPTIONS,
  EXCLUSIVE,
  flagOf,
  OPTION_NAMES,
  OPTION_SAMPLES,
} from "./option_samples.ts";

/** A directory with a configuration file in it. */
async function configured(
  config: unknown,
): Promise<AsyncDisposable & { readonly path: string; readonly file: string }> {
  const directory = await temporaryDirectory();
  const file = `${directory.path}/config.json`;
  const text = typeof config === "string" ? config : JSON.stringify(config);
  await Deno.writeTextFile(file, text, { mode: 0o644 });
  return { ...directory, file };
}

/** What a daemon is told. */
async function options(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<DaemonOptions> {
  const invocation = await loadOptions(args, (name) => variables[name]);
  assert.ok("options" in invocation);
  return invocation.options;
}

/** Why a configuration is refused. */
async function refusal(config: unknown, args: readonly string[] = []): Promise<string> {
  await using directory = await configured(config);
  let message = "";
  await assert.rejects(options([`--config=${directory.file}`, ...args]), (error: unknown) => {
    assert.ok(error instanceof JobWorkerError && error.code === "invalid_argument");
    message = error.message.replaceAll(directory.file, "FILE");
    return true;
  });
  return message;
}

Deno.test("loadOptions() takes flags before variables, those before the file, that before defaults", async () => {
  await using directory = await configured({
    "log-limit": "1MiB",
    "retain-count": 7,
    "shutdown-grace": "1s",
    debug: true,
    "allow-users": ["build", "www-data"],
  });
  const args = [`--config=${directory.file}`, "--shutdown-grace=3s"];
  const variables = { WORKER_DAEMON_SHUTDOWN_GRACE: "2s", WORKER_DAEMON_RETAIN_COUNT: "8" };
  assert.partialDeepStrictEqual(await options(args, variables), {
    shutdownGraceMs: 3_000,
    retainCount: 8,
    logLimit: 1024 * 1024,
    debug: true,
    allowUsers: ["build", "www-data"],
    gateways: 1,
  });
  const named = { WORKER_DAEMON_CONFIG: directory.file };
  assert.equal((await options([], named)).retainCount, 7);
});

Deno.test("loadOptions() compares options with those of the file, not with the defaults", async () => {
  await using directory = await configured({ "max-log-limit": "4GiB", "max-timeout": "2h" });
  const args = [`--config=${directory.file}`, "--log-limit=2GiB", "--timeout=1h"];
  assert.equal((await options(args)).maxLogLimit, 4 * 1024 ** 3);
  assert.match(await refusal({ timeout: "2h" }, ["--max-timeout=1h"]), /--timeout 2h is more than/);
});

Deno.test("loadOptions() reads every option from the file by the name of its flag", async () => {
  const texts = OPTION_NAMES.map((name) => [flagOf(name), OPTION_SAMPLES[name].text] as const);
  const values = OPTION_NAMES.map((name) => [name, OPTION_SAMPLES[name].value] as const);
  const together = (_: unknown, at: number) => !EXCLUSIVE.includes(OPTION_NAMES[at] ?? "address");
  await using directory = await configured(Object.fromEntries(texts.filter(together)));
  const all = await options([`--config=${directory.file}`]);
  assert.deepEqual(all, { ...DEFAULT_OPTIONS, ...Object.fromEntries(values.filter(together)) });
  for (const [at, name] of OPTION_NAMES.entries()) {
    await using single = await configured(Object.fromEntries(texts.slice(at, at + 1)));
    const expected = { ...DEFAULT_OPTIONS, [name]: OPTION_SAMPLES[name].value };
    assert.deepEqual(await options([`--config=${single.file}`]), expected, name);
  }
});

Deno.test("readConfigFile() takes paths as relative to the file", async () => {
  await using directory = await configured({
    cert: "certs/a.pem",
    key: "/b.pem",
    "data-dir": "data",
  });
  assert.partialDeepStrictEqual(await options(["--config", directory.file]), {
    cert: `${directory.path}/certs/a.pem`,
    key: "/b.pem",
    dataDir: `${directory.path}/data`,
    ca: "certs/ca-cert.pem",
  });
  await using inMemory = await configured({ "data-dir": ":memory:" });
  assert.equal((await options(["--config", inMemory.file])).dataDir, ":memory:");
});

Deno.test("loadOptions() finds job-worker.json in the working directory", async () => {
  await using directory = await temporaryDirectory();
  const before = Deno.cwd();
  Deno.chdir(directory.path);
  try {
    assert.equal((await options([])).gateways, 1);
    await Deno.writeTextFile("job-worker.json", '{"gateways": 3}', { mode: 0o600 });
    assert.equal((await options([])).gateways, 3);
    assert.deepEqual(await loadOptions(["--help"], () => undefined), { kind: "help" });
    assert.equal((await loadOptions(["--check-config"], () => undefined)).kind, "check");
  } finally {
    Deno.chdir(before);
  }
});

Deno.test("loadOptions() says what is wrong with a file, and what was meant", async () => {
  const cannot = 'Cannot use the configuration file "FILE": ';
  assert.equal(
    await refusal({ "log-limt": "1MiB", frobnicate: 1 }),
    `${cannot}there is no option "log-limt": did you mean "log-limit"?; ` +
      'there is no option "frobnicate": see worker-daemon --help',
  );
  assert.match(await refusal({ logLimit: "1MiB" }), /did you mean "log-limit"\?/);
  assert.match(await refusal({ config: "x" }), /there is no option "config"/);
  assert.match(
    await refusal({ gateways: {} }),
    /"gateways" must be a text, a number, true or false/,
  );
  assert.match(await refusal([]), /it must be an object/);
  assert.match(await refusal("{"), new RegExp(`^${cannot}.*JSON`));
  const rule = "must be a whole number from 1 to 64";
  assert.equal(await refusal({ gateways: 0 }), `"gateways" in FILE "0": ${rule}`);
  assert.equal(await refusal({}, ["--gateways=x"]), `--gateways "x": ${rule}`);
  await assert.rejects(
    options(["--config=/nonexistent.json"]),
    /Cannot use the configuration file "\/nonexistent\.json": there is no such file/,
  );
});

Deno.test("readConfigFile() takes no file that others may change", async () => {
  await using directory = await configured({});
  await Deno.chmod(directory.file, 0o664);
  await assert.rejects(
    readConfigFile(directory.file),
    /others than its owner may change it; run `chmod/,
  );
});

rootTest("readConfigFile() takes no file of another user's", async () => {
  await using directory = await configured({});
  await Deno.chown(directory.file, 65534, 65534);
  await assert.rejects(readConfigFile(directory.file), /it belongs to another user \(uid 65534\)/);
});
