import type { TestCertificates } from "../tests/certificates.ts";
import type { LogStart } from "../lib/job/types.ts";
import type { BenchDaemon, Executables } from "./executables.ts";
import { newJob } from "./job_rows.ts";
import { mediansInTurn, quantile, throughput } from "./measure.ts";
import { PeerProcess } from "./peer_process.ts";
import { report, reportAll, type Rows } from "./report.ts";
import { runProgram } from "./run_program.ts";
import { TlsTarget } from "./targets.ts";
import { batchBytes, bytesOf } from "./worker_rows.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
/** The output of a job that is read by one, and of one that many follow. */
const LONG = 256 * MIB;
const SHARED = 50 * MIB;
const FOLLOWERS = 20;
/** How often a long log is read, after once by which a server has warmed up. */
const ROUNDS = 3;
const FROM_THE_START: LogStart = { kind: "offset", offset: 0 };

/** What is measured of a log that one reads. */
interface ReadFigures {
  /** Megabytes (10^6) a second. */
  readonly live: number;
  readonly replay: number;
  /** The server's processor time for a GiB, in seconds. */
  readonly livePerGiB: number;
  readonly replayPerGiB: number;
}

interface StreamFigures extends ReadFigures {
  readonly followers: number;
}

const ROWS: Rows<StreamFigures> = {
  live: [`${LONG / MIB} MiB live`, "MB/s"],
  livePerGiB: ["processor time for a GiB", "s"],
  replay: [`${LONG / MIB} MiB replayed`, "MB/s"],
  replayPerGiB: ["processor time for a GiB", "s"],
  followers: [`${SHARED / MIB} MiB to ${FOLLOWERS} followers`, "MB/s"],
};

/**
 * Logs that nobody reads, to a pipe into a file. Logs of the daemon, to those of bare processes that write them to a
 * file; these to those of one that keeps them in memory; and that to TLS.
 */
export async function benchStreams(
  executables: Executables,
  certificates: TestCertificates,
  directory: string,
): Promise<void> {
  await using peer = await PeerProcess.tls(certificates, directory);
  await using tls = await TlsTarget.open(peer.address, certificates.ca.cert);
  await using remembering = await executables.startBare("remember");
  await using apart = await executables.startBare("apart");
  await using daemon = await executables.start();
  await benchUnread(executables, daemon);
  await benchReaders(tls, { remembering, apart, daemon });
}

async function benchUnread(executables: Executables, daemon: BenchDaemon): Promise<void> {
  const size = `${LONG / MIB} MiB`;
  const head = ["head", "-c", `${LONG}`, "/dev/zero"];
  const toFile = (line: (path: string) => readonly string[]) => async () => {
    const path = executables.newPath();
    const seconds = await runProgram(line(path));
    await Deno.remove(path);
    return seconds * 1000;
  };
  const found = await mediansInTurn(ROUNDS, {
    piped: toFile((path) => ["sh", "-c", '"$@" | cat >"$0"', path, ...head]),
    flushed: toFile((path) => ["sh", "-c", '"$@" | cat >"$0"; sync -d "$0"', path, ...head]),
    byDeno: toFile((path) => executables.bareLine("bare_pipe", path, ...head)),
    unread: async () => {
      const startedAt = performance.now();
      await daemon.client.waitJob({ jobId: await start(daemon, LONG) });
      return performance.now() - startedAt;
    },
  });
  const inFile = { value: found.piped, name: "head | cat >file" };
  report(`${size} to a file, Deno and no more`, found.byDeno, "ms", inFile);
  report(`${size} to a file, and to the disk`, found.flushed, "ms", inFile);
  report(`${size} that nobody reads`, found.unread, "ms", inFile);
}

async function benchReaders(
  tls: TlsTarget,
  servers: Readonly<Record<"remembering" | "apart" | "daemon", BenchDaemon>>,
): Promise<void> {
  const { remembering, apart, daemon } = servers;
  const ofTls = new Rounds(() => streamTls(tls));
  const ofMemory = new Rounds(() => readLong(remembering));
  const ofThree = new Rounds(() => readLong(apart));
  const ofDaemon = new Rounds(() => readLong(daemon));
  // In turn, so that all of them meet the same moods of the machine.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const rounds of [ofTls, ofMemory, ofThree, ofDaemon]) await rounds.run();
  }
  const limit = { ...ofTls.medians, followers: ofTls.medians.live };
  const memory = { ...ofMemory.medians, followers: await readTogether(remembering) };
  const three = { ...ofThree.medians, followers: await readTogether(apart) };
  const ours = { ...ofDaemon.medians, followers: await readTogether(daemon) };
  reportAll(ROWS, "a bare server", memory, limit, "TLS, and its client's time");
  reportAll(ROWS, "in three processes", three, memory, "a bare server");
  reportAll(ROWS, "the daemon", ours, three, "in three processes");
}

/** Some measurements of the same, of which the first does not count. */
class Rounds {
  readonly #measure: () => Promise<ReadFigures>;
  readonly #found: ReadFigures[] = [];

  constructor(measure: () => Promise<ReadFigures>) {
    this.#measure = measure;
  }

  async run(): Promise<void> {
    this.#found.push(await this.#measure());
  }

  get medians(): ReadFigures {
    const median = (name: keyof ReadFigures) =>
      quantile(this.#found.slice(1).map((figures) => figures[name]), 0.5);
    return {
      live: median("live"),
      replay: median("replay"),
      livePerGiB: median("livePerGiB"),
      replayPerGiB: median("replayPerGiB"),
    };
  }
}

async function streamTls(tls: TlsTarget): Promise<ReadFigures> {
  const rate = await throughput(LONG, () => tls.stream(LONG));
  const perGiB = GIB / 1e6 / rate;
  return { live: rate, replay: rate, livePerGiB: perGiB, replayPerGiB: perGiB };
}

/** Reads the log of a job while it prints, and again. */
async function readLong(server: BenchDaemon): Promise<ReadFigures> {
  let jobId = "";
  const [live, livePerGiB] = await measure(server, async () => {
    jobId = await start(server, LONG);
    await read(server, jobId, LONG);
  });
  const [replay, replayPerGiB] = await measure(server, () => read(server, jobId, LONG));
  return { live, livePerGiB, replay, replayPerGiB };
}

/** The rate at which many follow the same job. */
async function readTogether(server: BenchDaemon): Promise<number> {
  const jobId = await start(server, SHARED);
  return await throughput(
    FOLLOWERS * SHARED,
    () => Promise.all(Array.from({ length: FOLLOWERS }, () => read(server, jobId, SHARED))),
  );
}

/** The rate at which a long log is read, and the server's processor time for a GiB. */
async function measure(
  { processes }: BenchDaemon,
  run: () => Promise<void>,
): Promise<[rate: number, perGiB: number]> {
  const before = await processes.processorMs();
  const rate = await throughput(LONG, run);
  return [rate, (await processes.processorMs() - before) / 1000 * GIB / LONG];
}

/** Starts a job that prints so many zero bytes, all of which are kept. */
async function start({ client }: BenchDaemon, bytes: number): Promise<string> {
  const { jobId } = await client.startJob({
    ...newJob("head", "-c", `${bytes}`, "/dev/zero"),
    logLimit: { bytes: 2 * bytes, policy: "keep_newest" },
  });
  return jobId;
}

/** @throws if it is not all of it */
async function read({ client }: BenchDaemon, jobId: string, bytes: number): Promise<void> {
  const log = client.streamLogs({ jobId, follow: true, start: FROM_THE_START });
  const found = await bytesOf(log, batchBytes);
  if (found !== bytes) throw new Error(`Cannot measure: ${found} bytes of ${bytes}`);
}
