import script from "./process_groups.sh" with { type: "text" };

/** Where a {@linkcode ProcessGroups} finds its programs. */
export interface ProcessGroupsOptions {
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  /** Absolute path of a POSIX shell. */
  readonly sh: string;
}

interface Shell {
  readonly process: Deno.ChildProcess;
  readonly requests: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly answers: Promise<void>;
}

interface Pending {
  readonly line: string;
  readonly resolve: (answer: string) => void;
  readonly reject: (error: unknown) => void;
}

interface LiveGroup {
  readonly session: number;
  readonly group: number;
}

/**
 * Signals process groups and asks the kernel about them.
 *
 * Deno gives neither `kill(2)` on a group nor `/proc` to a process with scoped permissions, so one
 * long-lived shell in a session of its own does both with its builtins: 0.1 ms a request, against
 * more than 1 ms for a `kill` process each. If somebody kills that shell, it is started again and
 * what it had not answered is asked once more, which is harmless: no request does more when repeated.
 */
export class ProcessGroups implements AsyncDisposable {
  readonly #options: ProcessGroupsOptions;
  readonly #pending = new Map<number, Pending>();
  #shell: Shell | null = null;
  /** Sessions to look for in the next scan. */
  #wanted = new Set<number>();
  #scan: Promise<unknown> = Promise.resolve();
  #nextScan: Promise<LiveGroup[]> | null = null;
  #lastId = 0;
  #closed = false;
  /** How often in a row the shell ended without an answer. */
  #failures = 0;

  constructor(options: ProcessGroupsOptions) {
    this.#options = options;
  }

  /**
   * Sends a signal to every process of a group.
   *
   * @param signal a name without `SIG`, or a number
   * @returns false if there is no such group (yet, or any more)
   */
  async signal(signal: string, group: number): Promise<boolean> {
    return await this.#ask(`signal ${signal} ${group}`) === "0";
  }

  /**
   * The groups of a session in which something is alive. Zombies are not: nobody may reap them.
   *
   * A look at all processes takes milliseconds, so all who ask while one is under way share the next.
   */
  async liveGroups(session: number): Promise<number[]> {
    this.#wanted.add(session);
    this.#nextScan ??= this.#scanAfter(this.#scan);
    const found = await this.#nextScan;
    return found.filter((pair) => pair.session === session).map((pair) => pair.group);
  }

  /**
   * Whether this process may execute a file or enter a directory, by the kernel's own judgement
   * (access(2), real user and groups), which a look at the mode bits can only guess.
   *
   * @param path absolute, without a line end
   */
  async mayExecute(path: string): Promise<boolean> {
    return await this.#ask(`may_execute ${path}|`) === "0";
  }

  /**
   * The processes that were started by a job, by the `JOB_ID` in their environment, which every child
   * inherits: those that have left its session too. For after a crash; it looks at every process.
   *
   * @returns process ids by job id
   */
  async processesByJob(): Promise<Map<string, number[]>> {
    const processes = new Map<string, number[]>();
    for (const pair of (await this.#ask("jobs")).split(" ").filter((pair) => pair !== "")) {
      const [jobId = "", pid] = pair.split(":");
      processes.set(jobId, [...processes.get(jobId) ?? [], Number(pid)]);
    }
    return processes;
  }

  /** Kills one process. */
  async kill(pid: number): Promise<void> {
    await this.#ask(`kill ${pid}`);
  }

  /** The hard limit of open files, which the jobs inherit (getrlimit(2)). */
  async descriptorLimit(): Promise<number> {
    const answer = await this.#ask("descriptors");
    return answer === "unlimited" ? Infinity : Number(answer);
  }

  /**
   * What makes a process id unique: the id of this boot, and the start time in clock ticks.
   *
   * @returns `"BOOT-ID:TICKS"`, or `""` if there is no such process
   */
  async birthOf(pid: number): Promise<string> {
    return await this.#ask(`born ${pid}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const shell = this.#shell;
    if (shell === null) return;
    // It ends when its input does.
    await shell.requests.close().catch(() => {});
    await shell.process.status;
    await shell.answers;
  }

  async #scanAfter(scan: Promise<unknown>): Promise<LiveGroup[]> {
    await scan.catch(() => {});
    const answer = this.#ask(`sessions ${[...this.#wanted].join(" ")}`);
    this.#wanted = new Set();
    this.#nextScan = null;
    this.#scan = answer;
    return (await answer).split(" ").filter((pair) => pair !== "").map((pair) => {
      const [session, group] = pair.split(":");
      return { session: Number(session), group: Number(group) };
    });
  }

  #ask(request: string): Promise<string> {
    if (this.#closed) throw new TypeError("Cannot ask about process groups: already closed");
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const pending = { line: `${id} ${request}\n`, resolve, reject };
    this.#pending.set(id, pending);
    this.#shell ??= this.#start();
    this.#send(this.#shell, pending);
    return promise;
  }

  #send(shell: Shell, pending: Pending): void {
    // A broken pipe is noticed by #serve, which asks again.
    shell.requests.write(new TextEncoder().encode(pending.line)).catch(() => {});
  }

  #start(): Shell {
    const process = new Deno.Command(this.#options.setsid, {
      args: [this.#options.sh, "-c", script, "job-worker"],
      clearEnv: true,
      env: { LC_ALL: "C" },
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const requests = process.stdin.getWriter();
    return { process, requests, answers: this.#serve(process, requests) };
  }

  /** Takes the answers of a shell, and starts the next one if it leaves questions open. */
  async #serve(process: Deno.ChildProcess, requests: Shell["requests"]): Promise<void> {
    try {
      let rest = "";
      for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) this.#answer(line);
      }
    } catch {
      // What it has not answered is asked again.
    }
    await requests.abort().catch(() => {});
    await process.status;
    this.#shell = null;
    if (this.#pending.size > 0) this.#askAgain();
  }

  #askAgain(): void {
    try {
      if (this.#closed) throw new Error("The shell that signals process groups ended unasked");
      if (++this.#failures > 3) {
        throw new Error("The shell that signals process groups ends at every start");
      }
      this.#shell = this.#start();
    } catch (error) {
      for (const { reject } of this.#pending.values()) reject(error);
      this.#pending.clear();
      return;
    }
    for (const pending of this.#pending.values()) this.#send(this.#shell, pending);
  }

  #answer(line: string): void {
    const space = line.indexOf(" ");
    const id = Number(space < 0 ? line : line.slice(0, space));
    this.#pending.get(id)?.resolve(space < 0 ? "" : line.slice(space + 1));
    this.#pending.delete(id);
    this.#failures = 0;
  }
}
