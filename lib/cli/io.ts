/**
 * The world around the command line, as an interface, so that tests can replace it.
 *
 * @module
 */

import { abortable } from "../async/abortable.ts";
import type { Settings } from "./invocation.ts";
import type { RestClient, RestClientOptions } from "../rest/client.ts";
import type { JobClient } from "./job_client.ts";
import type { Environment } from "./environment.ts";
import type { UserDirectory } from "./user_directory.ts";

/** One of the two outputs of the process. */
export interface Output {
  readonly isTerminal: boolean;
  /** The width of the terminal in columns. */
  readonly columns: number;
  /** Its height in lines. */
  readonly rows: number;
  /**
   * Writes all of the bytes, after those of earlier calls.
   *
   * @throws {OutputClosed} if the reader has gone
   */
  write(bytes: Uint8Array): Promise<void>;
}

/** The standard input of the process. */
export interface Input {
  /** Reads some bytes into a buffer, and returns how many; `null` at the end. */
  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null>;
}

/** The reader of an output has gone, as `head` does. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** The user wants to leave, or has gone; `signal` is what said so. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly signal: "SIGHUP" | "SIGINT" | "SIGTERM";

  constructor(signal: "SIGHUP" | "SIGINT" | "SIGTERM") {
    super(signal === "SIGHUP" ? "Hung up" : `Interrupted by ${signal}`);
    this.signal = signal;
  }
}

/** Options of {@linkcode Io.connect}. */
export interface ConnectOptions {
  /** Called each time a broken connection is being restored. */
  readonly onReconnecting: () => void;
  /**
   * If given, a server that accepts connections but does not answer gets more time, and this is
   * called.
   */
  readonly onSilence?: () => void;
}

/** The part of the REST client that the command line needs. */
export type RestCalls = Disposable & Pick<RestClient, "health" | "start" | "stop" | "status">;

export interface Io {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Environment;
  /** The user's contexts and certificates. */
  readonly directory: UserDirectory;
  /** Aborted with {@linkcode Interrupted} at the first Ctrl-C, and at a hang-up. */
  readonly interrupted: AbortSignal;
  /** Aborted at the second Ctrl-C, and at a hang-up: leave at once, whatever is in progress. */
  readonly interruptedAgain: AbortSignal;
  /** The names of this machine, as far as we may look them up. */
  readonly hostNames: () => readonly string[];
  /** Connects to the daemon that the settings name, as the user whose certificate they name. */
  readonly connect: (settings: Settings, options: ConnectOptions) => Promise<JobClient>;
  /** Makes a client for REST, which sends nothing yet. */
  readonly connectRest: (options: RestClientOptions) => Promise<RestCalls>;
  /** Asks the user for a password, without showing what is typed. */
  readonly askPassword: (question: string) => Promise<string>;
  /** Asks the user a question; `null` where nobody is at a terminal to answer it. */
  readonly confirm: ((question: string) => Promise<boolean>) | null;
  /** @throws {JobWorkerError} `failed_precondition` if it cannot be read */
  readonly readTextFile: (path: string) => Promise<string>;
}

const encoder = new TextEncoder();

/** Writes a line of text. */
export async function printLine(output: Output, line: string): Promise<void> {
  await output.write(encoder.encode(`${line}\n`));
}

/** How long the reader of standard error may take for a warning. */
const WARNING_TIMEOUT_MS = 2_000;

/** Tells people and programs what they must not miss. It does not fail if nobody reads it. */
export async function warn(io: Io, words: string): Promise<void> {
  const written = printLine(io.stderr, `worker-cli: ${words}`);
  await abortable(written, AbortSignal.timeout(WARNING_TIMEOUT_MS)).catch(() => {});
}

/**
 * Tells people something, but not programs that read stderr. It does not fail if nobody reads it.
 */
export async function tell(io: Io, words: string): Promise<void> {
  if (io.stderr.isTerminal) await printLine(io.stderr, words).catch(() => {});
}
