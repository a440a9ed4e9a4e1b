import { checkCommand } from "./command.ts";
import { checkLabels } from "./labels.ts";
import { LogWriter } from "./log_writer.ts";
import { type LaunchTools, type Process, type ProcessSpec, startProcess } from "./process.ts";
import type { ProcessGroups } from "./process_groups.ts";
import { checkWorkingDirectory, findProgram } from "./program.ts";
import type { Command, Job, LogLimit } from "./types.ts";

/** The environment that every job starts with, before its own variables. */
const CLEAN_ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
};

/** What to start, and for whom. */
export interface LaunchRequest {
  readonly command: Pick<Command, "name"> & Partial<Command>;
  readonly owner: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** See `StartOptions`. */
  readonly requestId?: string;
  readonly logLimit: LogLimit;
}

/** What a {@linkcode Launcher} works with. */
export interface LauncherParts {
  readonly tools: LaunchTools;
  readonly groups: ProcessGroups;
  /** The directory of a job's log. */
  readonly logOf: (jobId: string) => string;
  /** `HOME` and default working directory. */
  readonly home: string;
  /** See `LogWriterOptions`. */
  readonly diskPatienceMs?: number;
}

/** A job that could start now. */
export interface Prepared {
  /** As it will be recorded; its process id is still 0. */
  readonly job: Job;
  readonly spec: ProcessSpec;
  readonly writer: LogWriter;
}

/** Brings a job to the brink of its first process, and over it. */
export class Launcher {
  readonly #parts: LauncherParts;

  constructor(parts: LauncherParts) {
    this.#parts = parts;
  }

  /**
   * Checks a request and makes its log.
   *
   * @throws `invalid_argument`, `failed_precondition`; nothing is left behind then
   */
  async prepare(jobId: string, request: LaunchRequest): Promise<Prepared> {
    const { groups, home, logOf, diskPatienceMs } = this.#parts;
    const { owner, requestId = "", labels = {}, logLimit } = request;
    const command = { args: [], env: {}, workingDirectory: "", ...request.command };
    checkCommand(command);
    checkLabels(labels);
    const env = { ...CLEAN_ENVIRONMENT, HOME: home, ...command.env, JOB_ID: jobId };
    const workingDirectory = command.workingDirectory || home;
    const finding = findProgram(command.name, { path: env.PATH, workingDirectory, groups });
    // A directory that is missing says more than a program that is missing in it.
    finding.catch(() => {});
    await checkWorkingDirectory(workingDirectory, groups);
    const program = await finding;
    const writer = await LogWriter.create(logOf(jobId), {
      limit: logLimit,
      ...(diskPatienceMs === undefined ? {} : { patienceMs: diskPatienceMs }),
    });
    const job: Job = {
      jobId,
      command: { ...command, workingDirectory },
      pid: 0,
      owner,
      labels,
      requestId,
      startedAt: Date.now(),
      stdoutBytes: 0,
      stderrBytes: 0,
      logLimit,
      logBytes: 0,
      outputCut: false,
      end: null,
    };
    return { job, writer, spec: { program, args: command.args, env, workingDirectory } };
  }

  /** Starts the process, at once. */
  launch({ spec }: Prepared): Process {
    return startProcess(spec, this.#parts.tools);
  }

  /** Removes what {@linkcode prepare} has made for a job that does not start. */
  async abandon({ job, writer }: Prepared): Promise<void> {
    await writer[Symbol.asyncDispose]();
    await Deno.remove(this.#parts.logOf(job.jobId), { recursive: true });
  }
}
