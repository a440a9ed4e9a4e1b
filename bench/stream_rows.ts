import type { TestCertificates } from "../tests/certificates.ts";
import type { LogStart } from "../lib/job/types.ts";
import type { BenchDaemon, Executables } from "./executables.ts";
import { newJob } from "./job_rows.ts";
import { PeerProcess } from "./peer_process.ts";
import { report, reportAll, type Rows } from "./report.ts";
import { runProgram } from "./run_program.ts";
import { TlsTarget } from "./targets.ts";
import { batchBytes } from "./worker_rows.ts";

const MIB = 1024 * 1024;
/** The output of a job that is read by one, and of one that many follow. */
const LONG = 512 * MIB;
const SHARED = 50 * MIB;
const FOLLOWERS = 20;
const FROM_THE_START: LogStart = { kind: "offset", offset: 0 };

/** Logs through the daemon, to a pipe into a file, and to TLS without it. */
export async function benchStreams(
  executables: Executables,
  certificates: TestCertificates,
  directory: string,
): Promise<void> {
  await using peer = await PeerProcess.tls(certificates, directory);
  await using tls = await TlsTarget.open(peer.address, certificates.ca.cert);
  await using daemon = await executables.start();
  const piped = await runProgram([
    ...["sh", "-c", `head -c ${LONG} /dev/zero | cat >"$1"`, "sh", executables.newPath()],
  ]);
  const bare = await seconds(() => tls.stream(LONG));

  const unread = await measure(daemon, async (jobId) => {
    await daemon.client.waitJob({ jobId });
  });
  const inFile = { value: piped * 1000, name: "head | cat >file" };
  const head = ["head", "-c", `${LONG}`, "/dev/zero"];
  const byDeno = await runProgram(
    executables.bareLine("bare_pipe", executables.newPath(), ...head),
  );
  report("512 MiB to a file, Deno and no more", byDeno * 1000, "ms", inFile);
  report("512 MiB that nobody reads", unread.seconds * 1000, "ms", inFile);
  const limits = await measureBare(executables);
  const tlsRate = LONG / 1e6 / bare;
  const tlsPerGiB = bare * 1024 * MIB / LONG;
  reportAll(ROWS, "a bare server", limits, {
    ...{ live: tlsRate, replay: tlsRate, followers: tlsRate },
    ...{ livePerGiB: tlsPerGiB, replayPerGiB: tlsPerGiB },
  }, "TLS, and its client's time");
  reportAll(ROWS, "the daemon", await measureStreams(daemon), limits, "a bare server");
}

/** What is measured of logs that are read. */
interface StreamFigures {
  /** Megabytes (10^6) a second. */
  readonly live: number;
  readonly replay: number;
  readonly followers: number;
  /** The server's processor time for a GiB, in seconds. */
  readonly livePerGiB: number;
  readonly replayPerGiB: number;
}

const ROWS: Rows<StreamFigures> = {
  live: ["512 MiB live", "MB/s"],
  livePerGiB: ["processor time for a GiB of it", "s"],
  replay: ["512 MiB replayed", "MB/s"],
  replayPerGiB: ["processor time for a GiB of it", "s"],
  followers: ["50 MiB to 20 followers", "MB/s"],
};

async function measureBare(executables: Executables): Promise<StreamFigures> {
  await using server = await executables.startBare();
  return await measureStreams(server);
}

async function measureStreams(server: BenchDaemon): Promise<StreamFigures> {
  const live = await measure(server, async (jobId) => await read(server, jobId));
  const replay = await measure(server, async (jobId) => await read(server, jobId), live.jobId);
  const followed = await server.client.startJob(printing(SHARED));
  const all = await seconds(() =>
    Promise.all(Array.from({ length: FOLLOWERS }, () => read(server, followed.jobId, SHARED)))
  );
  return {
    live: LONG / 1e6 / live.seconds,
    replay: LONG / 1e6 / replay.seconds,
    followers: FOLLOWERS * SHARED / 1e6 / all,
    livePerGiB: live.perGiB,
    replayPerGiB: replay.perGiB,
  };
}

/** A job that prints so many zero bytes, all of which are kept. */
function printing(bytes: number): ReturnType<typeof newJob> {
  return {
    ...newJob("head", "-c", `${bytes}`, "/dev/zero"),
    logLimit: { bytes: 2 * bytes, policy: "keep_newest" },
  };
}

async function measure(
  { client, processes }: BenchDaemon,
  run: (jobId: string) => Promise<unknown>,
  ended = "",
): Promise<{ jobId: string; seconds: number; perGiB: number }> {
  const before = await processes.processorMs();
  let jobId = ended;
  const time = await seconds(async () => {
    if (ended === "") ({ jobId } = await client.startJob(printing(LONG)));
    await run(jobId);
  });
  const perGiB = (await processes.processorMs() - before) / 1000 * 1024 * MIB / LONG;
  return { jobId, seconds: time, perGiB };
}

/** @throws if it is not all of it */
async function read({ client }: BenchDaemon, jobId: string, bytes = LONG): Promise<void> {
  let found = 0;
  const log = client.streamLogs({ jobId, follow: true, start: FROM_THE_START });
  for await (const batch of log) found += batchBytes(batch);
  if (found !== bytes) throw new Error(`Cannot measure: ${found} bytes of ${bytes}`);
}

async function seconds(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return (performance.now() - startedAt) / 1000;
}
