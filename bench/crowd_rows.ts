import { newId } from "../lib/ids.ts";
import { SqliteStore } from "../lib/store/sqlite_store.ts";
import type { BenchDaemon, Executables } from "./executables.ts";
import { type JobFigures, measureJobs, newJob, runJob } from "./job_rows.ts";
import { report } from "./report.ts";

const STORED = 50_000;
/** How many follow one job. */
export const FOLLOWERS = 1000;

/** What starts cost a daemon that has a past and many who listen, to one that has neither. */
export async function benchCrowd(executables: Executables): Promise<void> {
  const alone = await figuresOf(executables, executables.newPath());
  const dataDirectory = executables.newPath();
  {
    await using daemon = await executables.start([], dataDirectory);
    await runJob(daemon.client);
  }
  await fill(`${dataDirectory}/jobs.db`);
  compare(`${STORED} stored jobs`, await figuresOf(executables, dataDirectory), alone);
  compare(
    `${FOLLOWERS} followers`,
    await figuresOf(executables, dataDirectory, withFollowers),
    alone,
  );
}

async function figuresOf(
  executables: Executables,
  dataDirectory: string,
  around: typeof withFollowers = (_, run) => run(),
): Promise<JobFigures> {
  await using daemon = await executables.start([], dataDirectory);
  return await around(daemon, () => measureJobs(daemon));
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

function compare(name: string, figures: JobFigures, alone: JobFigures): void {
  const units = {
    together: ["jobs, 16 at a time", "/s"],
    oneByOne: ["jobs, one at a time", "/s"],
    processorMs: ["processor time a job", "ms"],
    startMs: ["StartJob, median", "ms"],
    firstByteMs: ["first byte, median", "ms"],
  } as const;
  for (
    const [key, [what, unit]] of Object.entries(units) as [
      keyof JobFigures,
      readonly [string, string],
    ][]
  ) {
    report(`${what}, ${name}`, figures[key], unit, { value: alone[key], name: "without" });
  }
}
