import PROC_SHELL from "./proc_shell.sh" with { type: "text" };
import { doubling } from "../async/doubling.ts";
import { isShortage } from "../files/shortage.ts";
import { endOf } from "./child_exit.ts";

/** Where a {@linkcode ProcShell} finds its programs. */
export interface ProcShellOptions {
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  /** Absolute path of a POSIX shell. */
  readonly sh: string;
  /** A command that becomes the shell, with other rights than ours. */
  readonly through?: readonly string[];
  /** Kills the shell: a shell with the rights of another user may have been suspended by them. */
  readonly signal?: AbortSignal;
  /** How long a shell may be asked and say nothing before it is replaced; 10 s by default. */
  readonly silentMs?: number;
  /** Called for each shell that ends although nobody asked it to. */
  readonly onEnded?: (end: ShellEnd) => void;
}

/** The end of a shell that nobody asked to end. */
export interface ShellEnd {
  readonly pid: number;
  /** How it ended, in words. */
  readonly why: string;
  /** The process id of the shell that replaces it; `null` if none is started before the next question. */
  readonly successor: number | null;
}

/**
 * The script is a variable. As an argument it would fill what `ps` and `systemctl status` show. As a file it
 * would have to be readable by the users of jobs, whose rights a shell may have, and still be there when the
 * next shell is started.
 */
const RUN_SCRIPT = 'eval "$PROC_SHELL"';

/** A job of the same user may have suspended the shell. No answer takes that long, on a busy machine either. */
const SILENT_MS = 10_000;

/** How often to try again to start a shell for which there is no descriptor or no process: from, to. */
const START_AGAIN_MS = { first: 20, last: 500 };
/** After how long those who ask are told. */
const START_WITHIN_MS = 10_000;

/** How much of an answer is read at once, in bytes. */
const READ_BYTES = 4 * 1024;

/** In UTF-16 units. No answer is that long, but a user may trace a shell that has their rights. */
const MAX_ANSWER_LENGTH = 4 * 1024 * 1024;

interface Shell {
  readonly process: Deno.ChildProcess;
  readonly requests: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly answers: Promise<void>;
  /** Questions that are about to be written. */
  unsent: string;
}

interface Pending {
  readonly text: string;
  readonly resolve: (answer: string) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Does for the worker what Deno does not let a process with scoped permissions do: kill(2) on groups,
 * `/proc`, cgroups.
 *
 * One long-lived shell in a session of its own does it with its builtins, at 0.1 ms a request; a process
 * for each request would take more than 1 ms. If somebody kills the shell, or suspends it, another is started
 * and asked what the first had not answered. That is harmless: no request does more when it is repeated.
 */
export class ProcShell implements AsyncDisposable {
  readonly #options: ProcShellOptions;
  readonly #pending = new Map<number, Pending>();
  #shell: Shell | null = null;
  /** Tries again to start one. */
  #starting: ReturnType<typeof setTimeout> | undefined;
  #lastId = 0;
  #closed = false;
  /** When the shell last said something, or was asked while it had nothing to answer. */
  #heardAt = 0;
  /** While there are questions; it looks whether they are answered. */
  #watch: ReturnType<typeof setTimeout> | undefined;
  /** The shell that was killed for its silence. */
  #silent: Deno.ChildProcess | null = null;
  /** How many shells in a row ended without an answer. */
  #failures = 0;

  constructor(options: ProcShellOptions) {
    this.#options = options;
  }

  /**
   * Sends a request, which may be repeated if the shell dies.
   *
   * @param request a verb of `proc_shell.sh` and its arguments
   * @param lines further lines, for a verb that takes them
   * @throws `TypeError` for a line end in any of them: what follows it would be another request
   */
  ask(request: string, lines: readonly string[] = []): Promise<string> {
    const whole = [request, ...lines];
    if (whole.some((line) => line.includes("\n"))) {
      throw new TypeError("Cannot ask the shell: a request may hold no line end");
    }
    if (this.#closed) throw new TypeError("Cannot ask the shell: already closed");
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const pending = { text: `${id} ${whole.join("\n")}\n`, resolve, reject };
    if (this.#pending.size === 0) this.#heardAt = performance.now();
    this.#pending.set(id, pending);
    this.#watch ??= setTimeout(() => this.#look(), this.#silentMs);
    if (this.#shell !== null) this.#send(this.#shell, pending);
    else if (this.#starting === undefined) this.#startAtLast();
    return promise;
  }

  /** Lets the shell go on if somebody has suspended it. */
  resume(): void {
    if (this.#shell !== null) kill(this.#shell.process, "SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#watch);
    clearTimeout(this.#starting);
    const shell = this.#shell;
    if (shell === null) {
      this.#rejectAll(
        new Error("The shell that asks the kernel was closed before it could be started"),
      );
      return;
    }
    // It ends when its input does, unless it is suspended.
    const late = setTimeout(() => this.#killSilent(), this.#silentMs);
    await shell.requests.close().catch(() => {});
    await shell.answers;
    clearTimeout(late);
  }

  get #silentMs(): number {
    return this.#options.silentMs ?? SILENT_MS;
  }

  /** Looks whether the shell answers, as long as there is something to answer. */
  #look(): void {
    this.#watch = undefined;
    if (this.#pending.size === 0) return;
    const left = this.#heardAt + this.#silentMs - performance.now();
    if (left <= 0) {
      this.#killSilent();
      this.#heardAt = performance.now();
    }
    this.#watch = setTimeout(() => this.#look(), left <= 0 ? this.#silentMs : left);
  }

  #killSilent(): void {
    if (this.#shell === null) return;
    this.#silent = this.#shell.process;
    kill(this.#silent);
  }

  #send(shell: Shell, pending: Pending): void {
    shell.unsent += pending.text;
    if (shell.unsent !== pending.text) return;
    // What is asked in one turn goes in one write.
    queueMicrotask(() => {
      const bytes = new TextEncoder().encode(shell.unsent);
      shell.unsent = "";
      // A broken pipe is noticed by #serve, which asks again.
      shell.requests.write(bytes).catch(() => {});
    });
  }

  #start(): Shell {
    const { setsid, sh, through = [], signal } = this.#options;
    signal?.throwIfAborted();
    const process = new Deno.Command(setsid, {
      args: [...through, sh, "-c", RUN_SCRIPT, "job-worker"],
      clearEnv: true,
      env: { LC_ALL: "C", PROC_SHELL },
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#heardAt = performance.now();
    const requests = process.stdin.getWriter();
    return { process, requests, answers: this.#serve(process, requests), unsent: "" };
  }

  /** Reads the answers of a shell, and starts another if it ends with questions open. */
  async #serve(process: Deno.ChildProcess, requests: Shell["requests"]): Promise<void> {
    const onAbort = () => kill(process);
    this.#options.signal?.addEventListener("abort", onAbort, { once: true });
    try {
      for await (const line of linesOf(process.stdout)) this.#answer(line);
    } catch {
      // What it has not answered is asked again.
    }
    await requests.abort().catch(() => {});
    const end = await endOf(process);
    const why = process === this.#silent ? `it did not answer for ${this.#silentMs} ms` : end;
    this.#options.signal?.removeEventListener("abort", onAbort);
    this.#shell = null;
    if (this.#closed && this.#pending.size === 0) return;
    const successor = this.#replace();
    this.#options.onEnded?.({ pid: process.pid, why, successor });
  }

  /** Starts another shell and asks it the open questions. Returns its process id, or `null`. */
  #replace(): number | null {
    if (this.#closed) {
      this.#rejectAll(new Error("The shell that asks the kernel ended unasked"));
    } else if (++this.#failures > 3) {
      this.#rejectAll(new Error("The shell that asks the kernel ends at every start"));
    } else this.#startAtLast();
    return this.#shell?.process.pid ?? null;
  }

  /** Starts a shell and asks it the open questions, if need be once there are a process and descriptors for it. */
  #startAtLast(): void {
    const deadline = performance.now() + START_WITHIN_MS;
    const nextWait = doubling(START_AGAIN_MS);
    const start = () => {
      this.#starting = undefined;
      try {
        this.#shell = this.#start();
      } catch (error) {
        if (!isShortage(error) || performance.now() > deadline) this.#rejectAll(error);
        else this.#starting = setTimeout(start, nextWait());
        return;
      }
      for (const pending of this.#pending.values()) this.#send(this.#shell, pending);
    };
    start();
  }

  #rejectAll(error: unknown): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #answer(line: string): void {
    const space = line.indexOf(" ");
    const id = Number(space < 0 ? line : line.slice(0, space));
    this.#pending.get(id)?.resolve(space < 0 ? "" : line.slice(space + 1));
    this.#pending.delete(id);
    this.#failures = 0;
    this.#heardAt = performance.now();
  }
}

/**
 * The lines of a stream. It is read into one buffer, without the streams that would decode it, which take several times
 * as long for lines as short as these.
 *
 * @throws `RangeError` if one of them has no end
 */
async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, void, undefined> {
  const reader = stream.getReader({ mode: "byob" });
  const decoder = new TextDecoder();
  let buffer = new Uint8Array(READ_BYTES);
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read(buffer);
      if (done || value === undefined) return;
      buffer = new Uint8Array(value.buffer);
      // Only what is new is looked through: a user who traces the shell may have a line go on and on.
      const [first = "", ...others] = decoder.decode(value, { stream: true }).split("\n");
      const lines = [rest + first, ...others];
      rest = lines.pop() ?? "";
      if (rest.length > MAX_ANSWER_LENGTH) throw new RangeError("An answer has no end");
      yield* lines;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function kill(process: Deno.ChildProcess, signal: Deno.Signal = "SIGKILL"): void {
  try {
    process.kill(signal);
  } catch {
    // It has just ended.
  }
}
