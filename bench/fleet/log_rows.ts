import type { JobWorkerClient } from "../../lib/grpc/client.ts";
import { throughput } from "../measure.ts";
import { report } from "../report.ts";
import { batchBytes, bytesOf } from "../worker_rows.ts";
import { type BenchFleet, REAL } from "./bench_fleet.ts";

const MIB = 1024 * 1024;

/** As large as the pages of a log are. */
const PAGE_BYTES = 256 * 1024;

const ROUNDS = 3;

/** A log of so many MiB through the hub, to the same from its host, and to pages that NATS carries. */
export async function benchLog(fleet: BenchFleet, mebibytes: number): Promise<void> {
  const { client, direct, bare, names: [host = ""] } = fleet;
  const bytes = mebibytes * MIB;
  const { jobId } = await client.startJob({
    command: { name: "head", args: ["-c", `${bytes}`, "/dev/zero"] },
    logLimit: { bytes: 2 * bytes, policy: "keep_newest" },
    on: { host: REAL, labels: {} },
  });
  await client.waitJob({ jobId });
  const pages = async () => {
    for (let left = bytes; left > 0; left -= PAGE_BYTES) await bare.call(host, PAGE_BYTES);
  };
  const best = { own: 0, hub: 0, bus: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    best.own = Math.max(best.own, await throughput(bytes, () => read(direct, jobId, bytes)));
    best.hub = Math.max(best.hub, await throughput(bytes, () => read(client, jobId, bytes)));
    best.bus = Math.max(best.bus, await throughput(bytes, pages));
  }
  const own = { value: best.own, name: "that host itself" };
  report("a log through the hub", best.hub, "MB/s", own);
  report("pages of 256 KiB over NATS alone", best.bus, "MB/s", own);
}

/** @throws if it is not all of it */
async function read(client: JobWorkerClient, jobId: string, bytes: number): Promise<void> {
  const found = await bytesOf(client.streamLogs({ jobId, follow: true }), batchBytes);
  if (found !== bytes) throw new Error(`Cannot measure: ${found} bytes of ${bytes}`);
}
