/**
 * Processes of a test, and those that its jobs have started.
 *
 * @module
 */

import { soon } from "../soon.ts";

/** What a process printed and how it ended. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as it is. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A process with its output collected. Killed, if it still runs, when disposed of. */
export class TestProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdout: Collected;
  readonly #stderr: Collected;

  /** @param line program and arguments */
  constructor(line: readonly string[], options: Deno.CommandOptions = {}) {
    const [program = "", ...args] = line;
    this.#child = new Deno.Command(program, {
      ...options,
      env: { NO_COLOR: "1", ...options.env },
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdout = new Collected(this.#child.stdout);
    this.#stderr = new Collected(this.#child.stderr);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Standard output so far. */
  get stdout(): string {
    return this.#stdout.text;
  }

  /** Standard error so far. */
  get stderr(): string {
    return this.#stderr.text;
  }

  /** Waits for a pattern on standard output; throws if the process ends without it. */
  async seen(pattern: RegExp): Promise<RegExpExecArray> {
    return await this.#stdout.seen(pattern, () => this.#stderr.text);
  }

  /** The same on standard error. */
  async seenOnStderr(pattern: RegExp): Promise<RegExpExecArray> {
    return await this.#stderr.seen(pattern, () => this.#stdout.text);
  }

  async finished(): Promise<Finished> {
    const ended = Promise.all([this.#child.status, this.#stdout.ended, this.#stderr.ended]);
    const [{ code }] = await soon(
      ended,
      () => `the end of process ${this.pid}, which printed ${this.stdout}\n${this.#stderr.text}`,
    );
    const { text: stdout, bytes } = this.#stdout;
    return { code, stdout, stderr: this.#stderr.text, bytes };
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.finished();
  }
}

/** Output as it arrives. */
class Collected {
  readonly ended: Promise<void>;
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #changed = Promise.withResolvers<void>();
  #open = true;

  constructor(source: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.ended = this.#collect(source);
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.#chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
    let at = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, at);
      at += chunk.byteLength;
    }
    return whole;
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  async seen(pattern: RegExp, otherwise: () => string): Promise<RegExpExecArray> {
    for (;;) {
      const changed = this.#changed.promise;
      const found = pattern.exec(this.text);
      if (found !== null) return found;
      if (!this.#open) throw new Error(`Never saw ${pattern}: ${this.text}\n${otherwise()}`);
      await soon(changed, () => `${pattern} in ${this.text}\n${otherwise()}`);
    }
  }

  async #collect(source: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const chunk of source) {
      this.#chunks.push(chunk);
      this.#tell();
    }
    this.#open = false;
    this.#tell();
  }

  #tell(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }
}

/**
 * The processes that still run and were started by these jobs, at whatever remove: every one of them
 * has the job's id in its environment, see environ(5).
 */
export async function processesOf(jobIds: readonly string[]): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // Empty for a zombie, and gone for a process that ends meanwhile.
    const variables = await Deno.readTextFile(`/proc/${name}/environ`).catch(() => "");
    if (jobIds.some((jobId) => variables.includes(`JOB_ID=${jobId}`))) found.push(Number(name));
  }
  return found;
}
