import { newId } from "../lib/ids.ts";
import { SqliteStore } from "../lib/store/sqlite_store.ts";
import type { BenchDaemon, Executables } from "./executables.ts";
import { JOB_ROWS, measureInTurn, newJob, runJob, warmUp } from "./job_rows.ts";
import { reportAll } from "./report.ts";

const STORED = 50_000;
/** How many follow one job. */
export const FOLLOWERS = 1000;

/** What starts cost a daemon that has a past and many who listen, to one that has neither. */
export async function benchCrowd(executables: Executables): Promise<void> {
  const dataDirectory = executables.newPath();
  {
    await using daemon = await executables.start([], dataDirectory);
    await runJob(daemon.client);
  }
  await fill(`${dataDirectory}/jobs.db`);
  await using alone = await executables.start();
  await using daemon = await executables.start([], dataDirectory);
  for (const each of [alone, daemon]) await warmUp(each);
  await compare(`${STORED} stored jobs`, daemon, alone);
  await withFollowers(daemon, () => compare(`${FOLLOWERS} followers`, daemon, alone));
}

/**
 * Runs something while a thousand follow a job that prints nothing any more. Their connection is their own: when they
 * all leave, nghttp2 may take that for an attack, and end it.
 */
export async function withFollowers<T>(daemon: BenchDaemon, run: () => Promise<T>): Promise<T> {
  const { client } = daemon;
  await using crowd = await daemon.another();
  const { jobId } = await client.startJob(newJob("sh", "-c", "echo hello; exec sleep 10000"));
  const leave = new AbortController();
  const followers = await Promise.all(Array.from({ length: FOLLOWERS }, async () => {
    const log = crowd.streamLogs({ jobId, follow: true }, { signal: leave.signal });
    await log.next();
    return { end: log.next().catch(() => null) };
  }));
  try {
    return await run();
  } finally {
    leave.abort();
    await Promise.all(followers.map(({ end }) => end));
    await client.stopJob({ jobId });
  }
}

/** Stores many more jobs like the one that is there. */
async function fill(path: string): Promise<void> {
  await using store = await SqliteStore.open(path);
  const [job] = await store.list({}, { limit: 1 });
  if (job === undefined) throw new Error("Cannot measure: no job is stored");
  const more = () => store.put({ ...job, jobId: newId(), requestId: newId() });
  await Promise.all(Array.from({ length: STORED }, more));
}

async function compare(name: string, daemon: BenchDaemon, alone: BenchDaemon): Promise<void> {
  const found = await measureInTurn({ alone, daemon });
  reportAll(JOB_ROWS, name, found.daemon, found.alone, "without");
}
