import { type JobWorkerClient } from "../../../lib/grpc/client.ts";
import { assert } from "../../assert.ts";
import { TestCertificates } from "../../certificates.ts";
import { TestProcess } from "../../end_to_end/process.ts";
import { TestHouse } from "../../gateway/fixture.ts";
import { ROOT } from "../../programs.ts";

const READERS = 60;
const LOG_BYTES = 150_000_000;

/** How long another user's calls may take meanwhile, in milliseconds; on a slow machine, a multiple of usual. */
const MAX_P90_MS = 250;
const MAX_TIMES_IDLE = 25;

/** What is read, by which method, and for `StreamLogs` how many of its last lines. */
const READINGS = [
  ["whole", "StreamLogs", "0"],
  ["searched from its end", "StreamLogs", "1000000000"],
  ["read page by page", "GetLogs", "0"],
] as const;

/** What nine of ten calls take at most, in milliseconds. */
async function p90(client: JobWorkerClient, jobId: string, calls: number): Promise<number> {
  const times: number[] = [];
  for (let call = 0; call < calls; call++) {
    const begun = performance.now();
    await client.getJob({ jobId });
    times.push(performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return times.sort((a, b) => a - b)[Math.floor(0.9 * calls)] ?? Infinity;
}

Deno.test("Sixty readers of a large log do not make another user wait", async (t) => {
  await using certificates = await TestCertificates.create();
  await using house = await TestHouse.start(certificates, { expected: /^$/ });
  const operator = await house.connect(await certificates.material("operator"));
  const script = `yes 0123456789012345678901234567890123456789 | head -c ${LOG_BYTES}`;
  const large = await operator.startJob({ command: { name: "sh", args: ["-c", script] } });
  await operator.waitJob({ jobId: large.jobId });
  const admin = await house.connect();
  const { jobId } = await admin.startJob({ command: { name: "true" } });
  await p90(admin, jobId, 20);
  const { ca, cert, key } = certificates.paths("operator");
  const line = [
    Deno.execPath(),
    ...["run", "--allow-all", "--quiet", `${ROOT}tests/gateway/log_readers.ts`],
    ...[house.daemon.address, ca, cert, key, large.jobId, `${READERS}`],
  ];
  for (const [what, method, lines] of READINGS) {
    await t.step(`which is ${what}`, async () => {
      const idle = await p90(admin, jobId, 50);
      await using readers = new TestProcess([...line, method, lines]);
      // Those who search get nothing for a long time.
      await readers.seen(lines === "0" ? /\nreading\n/ : /^connected\n/);
      const busy = await p90(admin, jobId, 50);
      const max = Math.max(MAX_P90_MS, MAX_TIMES_IDLE * idle);
      assert.ok(busy < max, `${busy} ms with ${READERS} readers, ${idle} ms without`);
    });
  }
});
