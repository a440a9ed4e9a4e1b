import type { TestCertificates } from "../tests/certificates.ts";
import { quantile, rate, throughput, times } from "./measure.ts";
import { PeerProcess } from "./peer_process.ts";
import { report } from "./report.ts";
import { DaemonTarget, type Target, TlsTarget } from "./targets.ts";
import { LOG_BYTES } from "./worker_rows.ts";

const ROUNDS = 3;
const FOLLOWERS = 8;

/** What is measured of each target, and in what unit. */
const UNITS = {
  "call, median": "us",
  "call, 99 of 100": "us",
  "calls, 32 at a time": "/s",
  "log stream": "MB/s",
  "log streams, 8 together": "MB/s",
} as const;

type Figures = Record<keyof typeof UNITS, number>;

/**
 * What the network costs, and what the second process of the daemon adds to it. The client is this
 * process; where there are two processors, it competes with the two of the daemon for them.
 */
export async function benchHop(certificates: TestCertificates, directory: string): Promise<void> {
  await using tls = await PeerProcess.tls(certificates, directory);
  await using direct = await PeerProcess.direct(certificates, directory);
  await using daemon = await PeerProcess.daemon(certificates, directory);
  const material = await certificates.material("client");
  await using plain = await TlsTarget.open(tls.address, certificates.ca.cert);
  await using without = await DaemonTarget.open(direct.address, material);
  await using withHop = await DaemonTarget.open(daemon.address, material);
  const [limit, one, two] = await compare([plain, without, withHop]);
  for (const [name, unit] of Object.entries(UNITS) as [keyof Figures, string][]) {
    const values = [limit, one, two].map((figures) => figures?.[name] ?? NaN);
    const [bare = NaN, alone = NaN, hop = NaN] = values;
    report(`${name}, one process`, alone, unit, { value: bare, name: "TLS and no more" });
    report(`${name}, the daemon`, hop, unit, { value: alone, name: "one process" });
  }
}

/** The medians over some rounds, in which each has its turn: whatever else runs disturbs all of them. */
async function compare(targets: readonly Target[]): Promise<Figures[]> {
  const rounds: Figures[][] = targets.map(() => []);
  // The first round warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, target] of targets.entries()) {
      const figures = await measure(target);
      if (round > 0) rounds[index]?.push(figures);
    }
  }
  return rounds.map(medians);
}

async function measure(target: Target): Promise<Figures> {
  const calls = await times(1000, () => target.call());
  const together = () =>
    Promise.all(Array.from({ length: FOLLOWERS }, () => target.stream(LOG_BYTES / FOLLOWERS)));
  return {
    "call, median": quantile(calls, 0.5),
    "call, 99 of 100": quantile(calls, 0.99),
    "calls, 32 at a time": await rate(3000, 32, () => target.call()),
    "log stream": await throughput(LOG_BYTES, () => target.stream(LOG_BYTES)),
    "log streams, 8 together": await throughput(LOG_BYTES, together),
  };
}

function medians(rounds: readonly Figures[]): Figures {
  const entries = Object.keys(UNITS).map((name) => [
    name,
    quantile(rounds.map((figures) => figures[name as keyof Figures]), 0.5),
  ]);
  return Object.fromEntries(entries);
}
