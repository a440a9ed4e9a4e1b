import { delay } from "../../lib/async/delay.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { connect, type JobWorkerClient } from "../../lib/grpc/client.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { seeded } from "../random.ts";
import { temporaryDirectory, textOf, until } from "../worker/fixture.ts";
import { MortalDaemon } from "./mortal_daemon.ts";

const random = seeded("engine ends");

const PRINTERS = 20;
const FOLLOWERS = 10;

/** Prints numbered lines on both streams until a file is there, and exits with its first argument. */
const PRINTER = `i=0
while [ ! -e "$2" ]; do
  echo "out $i"; echo "err $i" >&2
  i=$((i+1)); sleep 0.0$((i%7+1))
done
echo "last $i"; exit "$1"`;

/** Notes that it runs, so that each one that ran twice can be told. */
const NOTED = 'echo run >>"$1"; exit "$2"';

/** What is left of a log, once it is told apart. */
function linesOf(text: string, stream: string): number[] {
  return text.split("\n").filter((line) => line.startsWith(stream))
    .map((line) => Number(line.slice(stream.length + 1)));
}

/**
 * Ends an engine many times while jobs print, are followed, started, stopped and given input, and looks that
 * nobody has noticed: every byte is there once, and every exit status is right.
 *
 * @param how the engine ends
 */
export async function endEngines(
  { rounds, how }: { readonly rounds: number; readonly how: "killed" | "handed over" },
): Promise<void> {
  await using directory = await temporaryDirectory();
  await using certificates = await TestCertificates.create();
  const { path } = directory;
  const stop = `${path}/stop`;
  let daemon = await MortalDaemon.start(certificates, path);
  const { address } = daemon;
  const material = await certificates.material("client");
  const client = await connect({ address, ...material, reconnectTimeoutMs: 120_000 });
  try {
    const printers: string[] = [];
    for (let code = 0; code < PRINTERS; code++) {
      const command = { name: "sh", args: ["-c", PRINTER, "sh", `${code}`, stop] };
      printers.push((await client.startJob({ command })).jobId);
    }
    const reader = await client.startJob({
      command: { name: "sh", args: ["-c", "cat; exit 9"] },
      execution: { hasInput: true },
    });
    const ended = new AbortController();
    const done = { count: 0 };
    const followers = printers.slice(0, FOLLOWERS).map((jobId) => followed(client, jobId));
    const work = Promise.all([
      startOften(client, path, done, ended.signal),
      stopOften(client, done, ended.signal),
      writeOften(client, reader.jobId, ended.signal),
    ]);
    // What goes wrong there is told at the end.
    for (const promise of [work, ...followers]) promise.catch(() => {});
    for (let round = 0; round < rounds; round++) {
      // However slow the machine is, something gets done before the engine ends.
      const { count } = done;
      if (round % 4 === 0) await until(() => Promise.resolve(done.count > count));
      await delay(random() * 400);
      if (how === "killed") await daemon.kill();
      else await daemon.handOver();
      daemon = await MortalDaemon.start(certificates, path, [`--address=${address}`]);
    }
    ended.abort();
    const [starts, stops, written] = await work;
    assert.ok(starts > 0 && stops > 0 && written !== "");
    await Deno.writeTextFile(stop, "");
    for (const [code, jobId] of printers.entries()) {
      const { end } = await client.waitJob({ jobId });
      assert.deepEqual(end?.exitStatus, { code }, JSON.stringify(end));
      const text = await followed(client, jobId);
      const count = Number(/^last (\d+)$/m.exec(text)?.[1]);
      const expected = Array.from({ length: count }, (_, index) => index);
      assert.deepEqual(linesOf(text, "out"), expected);
      assert.deepEqual(linesOf(text, "err"), expected);
      if (code < FOLLOWERS) assert.equal(await followers[code], text);
    }
    assert.equal(await followed(client, reader.jobId), written);
    const { end } = await client.waitJob({ jobId: reader.jobId });
    assert.deepEqual(end?.exitStatus, { code: 9 });
  } finally {
    await client[Symbol.asyncDispose]();
    await daemon[Symbol.asyncDispose]();
  }
}

/** The whole log of a job, followed to its end. */
async function followed(client: JobWorkerClient, jobId: string): Promise<string> {
  const batches = await Array.fromAsync(client.streamLogs({ jobId, follow: true }));
  const records = batches.flatMap(({ records }) => records);
  let offset = 0;
  for (const record of records) {
    assert.equal(record.offset, offset);
    offset += record.data.byteLength;
  }
  return textOf(
    records.map((record) => ({
      ...record,
      stream: record.stream === "stderr" ? "stderr" : "stdout",
    })),
  );
}

/** How long a call may be made again and again, in which engines come and go. */
const AGAIN_FOR_MS = 300_000;

/** Makes a call again if engines end so fast that the client gives up. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + AGAIN_FOR_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const isUnreached = error instanceof JobWorkerError && error.code === "unavailable";
      if (!isUnreached || performance.now() > deadline) throw error;
      await delay(20);
    }
  }
}

/** Starts a job, again under the same request if need be. */
async function startJob(
  client: JobWorkerClient,
  command: { readonly name: string; readonly args: string[] },
  requestId: string,
): Promise<string> {
  return (await again(() => client.startJob({ command, requestId }))).jobId;
}

/** Starts jobs one after the other, each of which must have run once. Returns how many. */
async function startOften(
  client: JobWorkerClient,
  directory: string,
  done: { count: number },
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  for (; !signal.aborted; count++, done.count++) {
    const note = `${directory}/note-${count}`;
    const code = count % 50;
    const command = { name: "sh", args: ["-c", NOTED, "sh", note, `${code}`] };
    const jobId = await startJob(client, command, `start-${count}`);
    const { end } = await again(() => client.waitJob({ jobId }));
    assert.deepEqual(end?.exitStatus, { code }, JSON.stringify(end));
    assert.equal(await Deno.readTextFile(note), "run\n");
  }
  return count;
}

/** Starts jobs that do not end, and stops them. Returns how many. */
async function stopOften(
  client: JobWorkerClient,
  done: { count: number },
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  for (; !signal.aborted; count++, done.count++) {
    const command = { name: "sleep", args: ["1000"] };
    const jobId = await startJob(client, command, `stop-${count}`);
    await again(() => client.stopJob({ jobId, stopSignal: "", gracePeriodMs: null })).catch(
      (error) => {
        // One that got through may have been confirmed to nobody.
        assert.ok(
          error instanceof JobWorkerError && error.code === "failed_precondition",
          `${error}`,
        );
      },
    );
    const { end } = await again(() => client.waitJob({ jobId }));
    assert.deepEqual([end?.status, end?.reason], ["cancelled", "stopped"]);
    assert.deepEqual(end?.exitStatus, { signal: "SIGTERM" });
  }
  return count;
}

/** Writes to the input of a job, and ends that. Returns what was written. */
async function writeOften(
  client: JobWorkerClient,
  jobId: string,
  signal: AbortSignal,
): Promise<string> {
  let written = "";
  for (let count = 0; !signal.aborted; count++) {
    const text = `line ${count}\n`;
    const data = new TextEncoder().encode(text);
    await client.writeInput({ jobId, offset: written.length, data, end: false });
    written += text;
    await delay(20);
  }
  await client.writeInput({ jobId, offset: written.length, data: new Uint8Array(), end: true });
  return written;
}
