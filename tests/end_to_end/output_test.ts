import { assert } from "../assert.ts";
import { randomBytes, sha256 } from "../worker/fixture.ts";
import { sharedDaemon } from "./daemon.ts";

const daemon = await sharedDaemon();

Deno.test("output prints every byte of a job as it was, and exits with its status", async () => {
  const bytes = randomBytes(5_000_003);
  await Deno.writeFile(`${daemon.directory}/random`, bytes);
  const jobId = await daemon.sh(`cat ${daemon.directory}/random; echo err >&2; exit 9`);
  const output = await daemon.cli(["output", jobId]);
  assert.deepEqual({ code: output.code, stderr: output.stderr }, { code: 9, stderr: "err\n" });
  assert.equal(output.bytes.byteLength, bytes.byteLength);
  assert.equal(await sha256(output.bytes), await sha256(bytes));
});

Deno.test("output waits for the end of the job, and takes the beginning of its id", async () => {
  const go = `${daemon.directory}/go-on`;
  const jobId = await daemon.sh(
    `echo a; while [ ! -e ${go} ]; do sleep 0.02; done; echo b; kill $$`,
  );
  await using process = daemon.startCli(["output", jobId.slice(0, 22).toUpperCase()]);
  await process.seen(/^a\n$/);
  await Deno.writeTextFile(go, "");
  const { code, stdout, stderr } = await process.finished();
  assert.deepEqual({ code, stdout, stderr }, {
    code: 143,
    stdout: "a\nb\n",
    stderr: `worker-cli: Job ${jobId} failed: killed by SIGTERM\n`,
  });
});

Deno.test("output of a job that prints nothing is nothing", async () => {
  const jobId = await daemon.sh("exec >&- 2>&-; exit 0");
  const { code, stdout, stderr } = await daemon.cli(["output", jobId]);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
});

Deno.test("output --json carries bytes that are not text in base64 only", async () => {
  const jobId = await daemon.sh("printf '\\377\\000'");
  const { stdout } = await daemon.cli(["output", "--json", jobId]);
  const [record, end] = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(Object.keys(record), ["offset", "time", "stream", "data"]);
  assert.equal(record.data, btoa("\xff\0"));
  assert.deepEqual(end.finishedJob.exitStatus, { code: 0 });
});
