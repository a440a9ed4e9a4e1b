import type { JobWorkerClient } from "../lib/grpc/client.ts";
import type { BareWay } from "./bare_programs.ts";
import { bareStarts } from "./bare_starts.ts";
import type { BenchDaemon, Executables } from "./executables.ts";
import { quantile, rate, times } from "./measure.ts";
import { reportAll, type Rows } from "./report.ts";

/** How many jobs a figure is taken of, and how many starts at once where it is not one at a time. */
const JOBS = 600;
/** After so many the code of a daemon that runs for days is compiled, and a figure is one of the daemon. */
const WARM_UP_JOBS = 1000;
const AT_A_TIME = 16;
/** How often daemons that are compared with each other are measured. */
const ROUNDS = 3;

type NewJob = Parameters<JobWorkerClient["startJob"]>[0];

const TRUE_JOB: NewJob = newJob("true");

/** What is measured of starts. */
export interface JobFigures {
  /** Jobs a second, followed to their end, so many at a time. */
  readonly together: number;
  readonly oneByOne: number;
  /** What a job takes in all processes of the daemon and all programs that it starts. */
  readonly processorMs: number;
  /** Medians, in milliseconds. */
  readonly startMs: number;
  readonly firstByteMs: number;
}

export const JOB_ROWS: Rows<JobFigures> = {
  together: ["jobs, 16 at a time", "/s"],
  oneByOne: ["jobs, one at a time", "/s"],
  processorMs: ["processor time a job", "ms"],
  startMs: ["StartJob, median", "ms"],
  firstByteMs: ["first byte, median", "ms"],
};

/** A daemon whose jobs differ from those of others in what a start of theirs takes. */
export interface JobMode {
  readonly name: string;
  readonly args: readonly string[];
  /** The bare server whose jobs take the same. */
  readonly bare: BareWay;
}

/** As many as whoever runs this may try. */
export function jobModes(): readonly JobMode[] {
  const asNobody = "--job-user=nobody";
  return [
    { name: "own user", args: ["--cgroups=false"], bare: "careful" },
    { name: "own user, cgroups", args: [], bare: "careful_cgroup" },
    ...Deno.uid() === 0
      ? [
        {
          name: "another user",
          args: [asNobody, "--cgroups=false"],
          bare: "careful_user",
        } as const,
        { name: "another user, cgroups", args: [asNobody], bare: "careful_user_cgroup" } as const,
      ]
      : [],
  ];
}

/**
 * Jobs of the daemon, to those of bare processes that know of each, and record in time, what must be known; these to
 * those of some that only record them; these to those of one that does all of it; that to one that records nothing; and
 * that to what Deno starts without any.
 */
export async function benchJobs(executables: Executables): Promise<void> {
  const { rate, processorMs } = await bareStarts({ jobs: JOBS, atATime: AT_A_TIME });
  const alone = await bareStarts({ jobs: 100, atATime: 1 });
  const { rate: oneByOne, medianMs } = alone;
  const starts = {
    together: rate,
    oneByOne,
    processorMs,
    startMs: medianMs,
    firstByteMs: medianMs,
  };
  const bare = async (way: BareWay) => {
    await using server = await executables.startBare(way);
    await warmUp(server);
    return await measureJobs(server);
  };
  const remembered = await bare("remember");
  reportAll(JOB_ROWS, "a bare server", remembered, starts, "setsid true, drained");
  const recorded = await bare("record");
  reportAll(JOB_ROWS, "the same, recorded", recorded, remembered, "a bare server");
  const apart = await bare("apart");
  reportAll(JOB_ROWS, "in three processes", apart, recorded, "the same, recorded");
  for (const { name, args, bare: way } of jobModes()) {
    await using careful = await executables.startBare(way);
    await using daemon = await executables.start(args);
    for (const each of [careful, daemon]) await warmUp(each);
    const found = await measureInTurn({ careful, daemon });
    reportAll(JOB_ROWS, `careful, ${name}`, found.careful, apart, "in three processes");
    reportAll(JOB_ROWS, name, found.daemon, found.careful, "three careful ones");
  }
}

/** Runs a job to its end, as whoever follows it sees it. */
export async function runJob(client: JobWorkerClient, job: NewJob = TRUE_JOB): Promise<void> {
  const { jobId } = await client.startJob(job);
  for await (const _batch of client.streamLogs({ jobId, follow: true })) { /* To its end. */ }
}

/** A job that runs a program. */
export function newJob(name: string, ...args: string[]): NewJob {
  return { command: { name, args } };
}

/** Has a daemon run some jobs, by which it becomes what it is for days. */
export async function warmUp({ client }: BenchDaemon): Promise<void> {
  await rate(WARM_UP_JOBS, AT_A_TIME, () => runJob(client));
}

/** The medians of some rounds of each, in turn with the others, so that all of them meet the same moods of the machine. */
export async function measureInTurn<Name extends string>(
  daemons: Readonly<Record<Name, BenchDaemon>>,
): Promise<Record<Name, JobFigures>> {
  const names = Object.keys(daemons) as Name[];
  const found = new Map<Name, JobFigures[]>(names.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of names) found.get(name)?.push(await measureJobs(daemons[name]));
  }
  const medians = names.map((name) => [name, mediansOf(found.get(name) ?? [])]);
  return Object.fromEntries(medians);
}

function mediansOf(figures: readonly JobFigures[]): JobFigures {
  const median = (name: keyof JobFigures) => quantile(figures.map((each) => each[name]), 0.5);
  return {
    together: median("together"),
    oneByOne: median("oneByOne"),
    processorMs: median("processorMs"),
    startMs: median("startMs"),
    firstByteMs: median("firstByteMs"),
  };
}

/** Measures all of them. */
async function measureJobs({ client, processes }: BenchDaemon): Promise<JobFigures> {
  const before = await processes.processorMs();
  const together = await rate(JOBS, AT_A_TIME, () => runJob(client));
  const processorMs = (await processes.processorMs() - before) / JOBS;
  const oneByOne = await rate(100, 1, () => runJob(client));
  const starts = await times(100, () => client.startJob(TRUE_JOB));
  const firstBytes: number[] = [];
  while (firstBytes.length < 100) firstBytes.push(await firstByteMs(client));
  return {
    ...{ together, oneByOne, processorMs },
    startMs: quantile(starts, 0.5) / 1000,
    firstByteMs: quantile(firstBytes, 0.5),
  };
}

/** From the call until the first byte is there; to leave its stream is another call. */
async function firstByteMs(client: JobWorkerClient): Promise<number> {
  const startedAt = performance.now();
  const { jobId } = await client.startJob(newJob("echo", "hello"));
  let arrivedAt = NaN;
  for await (const { records } of client.streamLogs({ jobId, follow: true })) {
    if (records.length === 0) continue;
    arrivedAt = performance.now();
    break;
  }
  return arrivedAt - startedAt;
}
