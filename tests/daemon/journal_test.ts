import { Buffer } from "node:buffer";
import { VERSION } from "../../lib/version.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { daemonLine, TestDaemon, WITHOUT_REST } from "../end_to_end/daemon.ts";
import { TestProcess } from "../end_to_end/process.ts";
import { shownCertificate } from "../gateway/fixture.ts";
import {
  callHeaders,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frameOf,
  headerBlock,
  RawHttp2,
} from "../grpc/raw_http2.ts";
import { temporaryDirectory, until } from "../worker/fixture.ts";
import { childrenOfExecutors } from "./executor_fixture.ts";

const certificates = await TestCertificates.create();
Deno.test.afterAll(() => certificates[Symbol.asyncDispose]());

/** Runs a program with a `JOURNAL_STREAM` that names what is its standard error, or the file of a path. */
function withStream(path = "/proc/self/fd/2"): string[] {
  const script = `JOURNAL_STREAM=$(stat -Lc %d:%i ${path}) exec "$@"`;
  return ["sh", "-c", `export JOURNAL_STREAM; ${script}`, "sh"];
}

/** What a daemon says first. */
const FIRST = new RegExp(
  `^worker-daemon ${
    VERSION.replaceAll(".", "\\.")
  } \\(\\S+\\) starts: gRPC on 127\\.0\\.0\\.1:0, no REST, ` +
    "jobs held by (cgroups|process groups), logs of 3MiB \\(end-job\\), " +
    "(\\d+|Infinity) descriptors for \\d+ connections, \\d+ calls and \\d+ jobs$",
);

/** Sends a header that grpc-js would complain of on standard error by itself, with what is in it. */
async function sendBadHeader(daemon: TestDaemon): Promise<void> {
  using connection = await RawHttp2.connect(daemon);
  const block = Buffer.concat([callHeaders("GetJob"), headerBlock({ "x-bad": "é <0>!" })]);
  await connection.send(frameOf(FRAME.headers, 1, block, END_HEADERS | END_STREAM));
  assert.ok(await connection.answersPing());
}

const ARGS = ["--log-limit=3MiB", "--log-policy=end-job"];

Deno.test("Every line that a daemon and its gateways write to the journal has its priority", async () => {
  await using daemon = await TestDaemon.start(certificates, {
    args: [...ARGS, "--debug"],
    starter: withStream(),
  });
  await shownCertificate(daemon.port);
  await sendBadHeader(daemon);
  let killed = 0;
  for (const { pid } of await childrenOfExecutors(`${daemon.directory}/data`)) {
    const line = await Deno.readTextFile(`/proc/${pid}/cmdline`);
    if (!line.includes("PROC_SHELL")) continue;
    Deno.kill(pid, "SIGKILL");
    killed++;
  }
  assert.equal(killed, 2);
  const lines = await until(async () => {
    const { stderr } = await daemon.outputs();
    const told = stderr.match(/shell that asks the kernel/g) ?? [];
    const isTold = told.length === killed && /Refused/.test(stderr) && /gRPC: /.test(stderr);
    return isTold && stderr.endsWith("\n") && stderr.trimEnd().split("\n");
  });
  const [first = "", ...others] = lines;
  assert.equal(first.slice(0, 3), "<6>");
  assert.match(first.slice(3), FIRST);
  const expected =
    /^(<4>The shell that asks the kernel \(\d+\) ended: by SIGKILL; \d+ takes over$|<4>Refused 127\.0\.0\.1|<7>gRPC: .* <0>!)/;
  for (const line of others) {
    assert.match(line, expected);
  }
  assert.match((await daemon.stop()).stderr, /\n<6>Shutting down: SIGTERM\n$/);
});

Deno.test("A daemon whose standard error is not the journal writes the time itself", async () => {
  await using daemon = await TestDaemon.start(certificates, {
    args: ARGS,
    starter: withStream("/dev/null"),
  });
  const { stderr } = await daemon.outputs();
  const [, text = "", ...others] = /^\d{4}-\S+Z INFO (.*)\n$/.exec(stderr) ?? [];
  assert.match(text, FIRST, stderr);
  assert.deepEqual(others, []);
});

Deno.test("A daemon that cannot start tells the journal that this is an error", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  const line = [...withStream(), ...daemonLine(certificates, path, [`--deny-list=${path}/none`])];
  await using process = new TestProcess(line, { cwd: path, env: WITHOUT_REST });
  const { code, stderr } = await process.finished();
  assert.equal(code, 78);
  assert.match(stderr, /^<3>worker-daemon: Cannot use the deny list .*\n$/);
});
