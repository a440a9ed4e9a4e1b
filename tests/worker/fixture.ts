import { assert } from "../assert.ts";
import { openKeeper } from "../daemon/executor_fixture.ts";
import { processesOf } from "../end_to_end/process.ts";
import { seeded } from "../random.ts";
import { soon } from "../soon.ts";
import { ProcShell } from "../../lib/process/proc_shell.ts";
import {
  type Command,
  type Job,
  type LogBatch,
  type LogRecord,
  type LogStart,
  type LogStream,
  type StartOptions,
  Worker,
  type WorkerOptions,
} from "../../lib/worker/mod.ts";

const random = seeded("bytes");

/** Both outputs of a job. */
export const BOTH: readonly LogStream[] = ["stdout", "stderr"];

/** The first byte of a log. */
export const FROM_START: LogStart = { kind: "offset", offset: 0 };

/** How long a condition may take on a machine that is busy with other things. */
const TIMEOUT_MS = 30_000;

/** A directory that is removed when it is disposed of. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "job-worker-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Waits for a condition that nobody announces, such as the state of a foreign process. */
export async function until<T>(condition: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const met = await condition();
    if (met !== undefined && met !== false) return met;
    assert.ok(performance.now() < deadline, `Still not so after ${TIMEOUT_MS} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A process as proc_pid_stat(5) shows it. */
export interface ProcessStat {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/** One process, or `null` if there is none. */
export async function processStat(pid: number): Promise<ProcessStat | null> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  if (text === "") return null;
  const [state = "", ...fields] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const numbers = fields.map(Number);
  const [parent = 0, group = 0, session = 0] = numbers;
  const threads = numbers[16] ?? 0;
  // It is no zombie while threads other than its first one run.
  return { pid, state: state === "Z" && threads > 1 ? "R" : state, parent, group, session };
}

/** Every process that there is. */
export async function allProcesses(): Promise<ProcessStat[]> {
  const pids = (await Array.fromAsync(Deno.readDir("/proc"))).map(({ name }) => Number(name));
  const stats = await Promise.all(pids.filter(Number.isInteger).map(processStat));
  return stats.filter((stat) => stat !== null);
}

/** The processes of some sessions in which anything is left to end. */
export async function liveProcesses(sessions: readonly number[]): Promise<ProcessStat[]> {
  return (await allProcesses()).filter(({ state, session }) =>
    state !== "Z" && state !== "X" && sessions.includes(session)
  );
}

/** The cgroup of a process, if that was made ahead of a job; `""` if not. */
export async function spareOf(pid: number): Promise<string> {
  const cgroups = await Deno.readTextFile(`/proc/${pid}/cgroup`).catch(() => "");
  return /\/job-worker\/(spare-[^/\n]+)/.exec(cgroups)?.[1] ?? "";
}

/** The cgroups that there are of these jobs, by name. */
export async function cgroupsOf(jobs: readonly Pick<Job, "jobId">[]): Promise<string[]> {
  await using shell = new ProcShell({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
  const [root = ""] = (await shell.ask("cgroup_root")).split(" ");
  if (root === "") return [];
  const jobIds = jobs.map(({ jobId }) => jobId);
  const names = await Array.fromAsync(Deno.readDir(root), ({ name }) => name);
  // One that was made ahead of its job does not say whose it is, but what is in it does.
  const spares = await Promise.all((await processesOf(jobIds)).map(spareOf));
  return [
    ...names.filter((name) => jobIds.includes(name)),
    ...spares.filter((name) => name !== ""),
  ];
}

/** Kills what a job has left behind out of its reach, by the process id that it printed first. */
export async function killEscaped(printed: string): Promise<void> {
  const pid = parseInt(printed);
  assert.ok(pid > 1, printed);
  Deno.kill(pid, "SIGKILL");
  await until(async () => ["Z", undefined].includes((await processStat(pid))?.state));
}

/** What this process holds open, as the links of `/proc/self/fd`. */
export async function openDescriptors(): Promise<string[]> {
  const names = (await Array.fromAsync(Deno.readDir("/proc/self/fd"))).map(({ name }) => name);
  const links = names.map((name) => Deno.readLink(`/proc/self/fd/${name}`).catch(() => ""));
  return (await Promise.all(links)).filter((link) => link !== "").sort();
}

/** A record or a part of one. */
type Bytes = Pick<LogRecord, "stream" | "data">;

/** The bytes of some records, one after the other. */
export function bytesOf(
  records: readonly Bytes[],
  streams: readonly LogStream[] = BOTH,
): Uint8Array<ArrayBuffer> {
  const parts = records.filter(({ stream }) => streams.some((one) => one === stream));
  const whole = new Uint8Array(parts.reduce((sum, { data }) => sum + data.byteLength, 0));
  let at = 0;
  for (const { data } of parts) {
    whole.set(data, at);
    at += data.byteLength;
  }
  return whole;
}

/** The text of some records. */
export function textOf(records: readonly Bytes[], streams: readonly LogStream[] = BOTH): string {
  return new TextDecoder().decode(bytesOf(records, streams));
}

/** SHA-256 in hex. */
export async function sha256(data: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data)).toHex();
}

/** Random bytes, among them every value. */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let at = 0; at < words.length; at++) words[at] = random() * 2 ** 32;
  return new Uint8Array(words.buffer, 0, length);
}

/** What {@linkcode TestWorker.read} found. */
export interface ReadLog {
  readonly stdout: string;
  readonly stderr: string;
  readonly batches: readonly LogBatch[];
  readonly finishedJob: Job;
}

/**
 * A worker in a directory of its own. When it is disposed of, nothing of its jobs may be left
 * running, and no fault may have been reported.
 */
export class TestWorker implements AsyncDisposable {
  readonly worker: Worker;
  readonly directory: string;
  readonly faults: unknown[];
  readonly #jobs: Job[] = [];

  private constructor(worker: Worker, directory: string, faults: unknown[]) {
    this.worker = worker;
    this.directory = directory;
    this.faults = faults;
  }

  /** @param options.isWithin whether the test changes what its process does, and the jobs must be run by that */
  static async open(
    { isWithin = false, ...options }:
      & Omit<WorkerOptions, "dataDirectory" | "onFault">
      & { readonly isWithin?: boolean } = {},
  ): Promise<TestWorker> {
    const directory = await Deno.makeTempDir({ prefix: "job-worker-" });
    const faults: unknown[] = [];
    const onFault = (error: unknown) => void faults.push(error);
    const { home = "/", cgroups = true, onShellEnded = () => {} } = options;
    // The same tests hold for an executor in a process of its own, see tests/long/executor/.
    const executor = Deno.env.get("JOB_WORKER_EXECUTOR") === "process" && !isWithin
      ? await openKeeper(directory, {
        settings: { home, cgroups },
        onFault,
        onShellEnded,
        // Jobs of the library end with the process that uses it.
        keepsJobs: false,
      })
      : undefined;
    const worker = await Worker.open({
      ...options,
      ...(executor && { executor }),
      dataDirectory: directory,
      onFault,
    });
    return new TestWorker(worker, directory, faults);
  }

  /** Starts a job of alice's. */
  async start(
    command: Pick<Command, "name"> & Partial<Command>,
    options: Partial<StartOptions> = {},
  ): Promise<Job> {
    const job = await this.worker.start({ command, owner: "alice", ...options });
    this.#jobs.push(job);
    return job;
  }

  /** Starts a shell script. */
  async sh(script: string, ...args: readonly string[]): Promise<Job> {
    return await this.start({ name: "sh", args: ["-c", script, "sh", ...args] });
  }

  /** Starts a shell script and waits for its end. */
  async ran(script: string, ...args: readonly string[]): Promise<Job> {
    const { jobId } = await this.sh(script, ...args);
    return await soon(this.worker.wait(jobId), () => `the end of job ${jobId}`);
  }

  /**
   * Starts a job that ends as soon as it has left a script running in a session of its own, where the
   * worker does not look. It prints its process id first, for {@linkcode killEscaped}.
   */
  async shWithEscaped(script: string): Promise<Job> {
    const escaped = `setsid sh -c 'echo $$; : >"$0"; ${script}' "$1" &`;
    return await this.sh(
      `${escaped} until [ -e "$1" ]; do sleep 0.01; done`,
      `${this.directory}/out`,
    );
  }

  /** Reads the whole log of a job, to its end. */
  async read(jobId: string): Promise<ReadLog> {
    const options = { start: FROM_START, streams: BOTH, follow: true };
    const reading = Array.fromAsync(this.worker.readLog(jobId, options));
    const batches = await soon(reading, () => `the end of the log of job ${jobId}`);
    const records = batches.flatMap((batch) => batch.records);
    const finishedJob = batches.at(-1)?.finishedJob;
    assert.ok(finishedJob, "The last batch carries the job");
    return {
      stdout: textOf(records, ["stdout"]),
      stderr: textOf(records, ["stderr"]),
      batches,
      finishedJob,
    };
  }

  /** Waits until a job has printed something. */
  async printed(jobId: string, text: string): Promise<void> {
    let seen = "";
    const options = { start: FROM_START, streams: BOTH, follow: true };
    const reading = (async () => {
      for await (const { records } of this.worker.readLog(jobId, options)) {
        seen += textOf(records);
        if (seen.includes(text)) return true;
      }
      return false;
    })();
    const what = () =>
      `${JSON.stringify(text)} from the job, which printed ${JSON.stringify(seen)}`;
    assert.ok(await soon(reading, what), `The job ended without ${what()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
    const pids = this.#jobs.map(({ pid }) => pid).filter((pid) => pid !== 0);
    assert.deepEqual(await liveProcesses(pids), []);
    assert.deepEqual(await cgroupsOf(this.#jobs), []);
    assert.deepEqual(this.faults, []);
  }
}

/** What a call was rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const outcome = promise.then(() => null, (error: unknown) => ({ error }));
  const rejected = await soon(outcome, () => "a rejection");
  assert.ok(rejected !== null, "Nothing was thrown");
  return rejected.error;
}
