import { assert } from "../../assert.ts";
import { bytesOf, FROM_START, randomBytes, sha256, until } from "../../worker/fixture.ts";
import { sharedDaemon } from "../../end_to_end/daemon.ts";
import { TcpProxy } from "../../end_to_end/proxy.ts";

const daemon = await sharedDaemon();

/** What the jobs print, and a job that prints it a piece at a time. */
const bytes = randomBytes(3_000_001);
const path = `${daemon.directory}/random`;
await Deno.writeFile(path, bytes);
const SLOWLY = `i=0; while [ $i -lt 46 ]; do dd if=${path} bs=65536 skip=$i count=1 2>/dev/null; ` +
  "i=$((i + 1)); sleep 0.02; done; echo end >&2; exit 3";

Deno.test("logs --follow loses and repeats no byte when its connection breaks again and again", async () => {
  const jobId = await daemon.sh(SLOWLY);
  await using proxy = TcpProxy.listen(daemon.port, { breakAfterBytes: 400_000 });
  const { code, bytes: printed, stderr } = await daemon.cli([
    `--address=${proxy.address}`,
    "logs",
    "all",
    jobId,
    "--follow",
  ]);
  assert.deepEqual([code, stderr], [0, "end\n"]);
  assert.equal(printed.byteLength, bytes.byteLength);
  assert.equal(await sha256(printed), await sha256(bytes));
  assert.ok(proxy.connections >= 5, `${proxy.connections} connections`);
});

Deno.test("run starts one job and shows it whole through broken connections", async () => {
  await using proxy = TcpProxy.listen(daemon.port, { breakAfterBytes: 700_000 });
  const line = ["run", "--label=broken=yes", "--", "sh", "-c", SLOWLY];
  const { code, bytes: printed, stderr } = await daemon.cli([
    `--address=${proxy.address}`,
    ...line,
  ]);
  assert.deepEqual([code, stderr], [3, "end\n"]);
  assert.equal(await sha256(printed), await sha256(bytes));
  assert.ok(proxy.connections >= 3, `${proxy.connections} connections`);
  const { stdout } = await daemon.cli(["list", "all", "--label=broken=yes"]);
  assert.equal(stdout.trimEnd().split("\n").length, 1);
});

/** How many calls of `waitJob` the daemon has answered or is answering. */
async function auditedWaits(): Promise<number> {
  const trail = await Deno.readTextFile(`${daemon.directory}/data/audit.log`);
  return trail.split('"method":"waitJob"').length - 1;
}

Deno.test("wait goes on waiting after its connection broke", async () => {
  const go = `${daemon.directory}/go-on`;
  const jobId = await daemon.sh(`while [ ! -e ${go} ]; do sleep 0.02; done; exit 5`);
  await using proxy = TcpProxy.listen(daemon.port);
  await using process = daemon.startCli([`--address=${proxy.address}`, "wait", jobId]);
  for (let waits = 1; waits <= 3; waits++) {
    await until(async () => await auditedWaits() >= waits);
    proxy.breakAll();
  }
  await Deno.writeTextFile(go, "");
  assert.equal((await process.finished()).code, 5);
});

Deno.test("streamLogs() resumes at the offset that a message carried, even in another call", () =>
  daemon.withClient(async (client) => {
    const jobId = await daemon.ran(`cat ${path}`);
    const request = { jobId, streams: [], follow: true } as const;
    const received: Uint8Array<ArrayBuffer>[] = [];
    let start = FROM_START;
    let ended = false;
    while (!ended) {
      // One message a call.
      for await (const batch of client.streamLogs({ ...request, start })) {
        received.push(bytesOf(batch.records));
        start = { kind: "offset", offset: batch.nextOffset };
        ended = batch.finishedJob !== null;
        break;
      }
    }
    assert.ok(received.length > 3);
    const whole = new Uint8Array(await new Blob(received).arrayBuffer());
    assert.equal(await sha256(whole), await sha256(bytes));
    const beyond = { kind: "offset", offset: bytes.byteLength + 1 } as const;
    await assert.rejects(Array.fromAsync(client.streamLogs({ ...request, start: beyond })), {
      name: "JobWorkerError",
      code: "out_of_range",
    });
  }));
