/**
 * The world around the command line, so that tests can be one.
 *
 * @module
 */

import type { Settings } from "./invocation.ts";
import type { JobClient } from "./job_client.ts";
import type { Environment } from "./settings.ts";

/** One of the two outputs of the process. */
export interface Output {
  readonly isTerminal: boolean;
  /** Width of the terminal in columns. */
  readonly columns: number;
  /**
   * Writes all of the bytes, in turn with what was written before.
   *
   * @throws {OutputClosed} if nobody reads any more.
   */
  write(bytes: Uint8Array): Promise<void>;
}

/** The reader of an output has gone, as `head` does. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** The user asked to leave; `signal` is what they asked with. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly signal: "SIGINT" | "SIGTERM";

  constructor(signal: "SIGINT" | "SIGTERM") {
    super(`Interrupted by ${signal}`);
    this.signal = signal;
  }
}

/** Options of {@linkcode Io.connect}. */
export interface ConnectOptions {
  /** Told each time that a broken connection is being made again. */
  readonly onReconnecting: () => void;
}

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Environment;
  /** Aborted with {@linkcode Interrupted} at the first Ctrl-C. */
  readonly interrupted: AbortSignal;
  /** The same at the second: leave at once, whatever is under way. */
  readonly interruptedAgain: AbortSignal;
  /** The names of this machine, as far as we may know them. */
  readonly hostNames: () => readonly string[];
  /** Connects to the daemon that the settings name, as the user whose certificate they name. */
  readonly connect: (settings: Settings, options: ConnectOptions) => Promise<JobClient>;
}

const encoder = new TextEncoder();

/** Writes a line of text. */
export async function printLine(output: Output, line: string): Promise<void> {
  await output.write(encoder.encode(`${line}\n`));
}

/** Tells people something; programs that read stderr are spared it, and nothing fails for it. */
export async function tell(io: Io, words: string): Promise<void> {
  if (io.stderr.isTerminal) await printLine(io.stderr, words).catch(() => {});
}
