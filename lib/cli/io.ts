/**
 * The world around the command line, so that tests can be one.
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
  /** Width of the terminal in columns. */
  readonly columns: number;
  /**
   * Writes all of the bytes, in turn with what was written before.
   *
   * @throws {OutputClosed} if nobody reads any more.
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

/** The user asked to leave, or is gone; `signal` is what said so. */
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
  /** Told each time that a broken connection is being made again. */
  readonly onReconnecting: () => void;
  /** What accepts connections and does not answer is given more time, and this is told; else it is not. */
  readonly onSilence?: () => void;
}

/** What the command line needs of the client of REST. */
export type RestCalls = Disposable & Pick<RestClient, "health" | "start" | "stop" | "status">;

export interface Io {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Environment;
  /** Contexts and certificates of the user. */
  readonly directory: UserDirectory;
  /** Aborted with {@linkcode Interrupted} at the first Ctrl-C, and at a hang-up. */
  readonly interrupted: AbortSignal;
  /** The same at the second, and at a hang-up: leave at once, whatever is under way. */
  readonly interruptedAgain: AbortSignal;
  /** The names of this machine, as far as we may know them. */
  readonly hostNames: () => readonly string[];
  /** Connects to the daemon that the settings name, as the user whose certificate they name. */
  readonly connect: (settings: Settings, options: ConnectOptions) => Promise<JobClient>;
  /** The same for REST. Nothing is sent yet. */
  readonly connectRest: (options: RestClientOptions) => Promise<RestCalls>;
  /** Asks the user, without showing what is typed. */
  readonly askPassword: (question: string) => Promise<string>;
  /** @throws {JobWorkerError} `failed_precondition` if it cannot be read */
  readonly readTextFile: (path: string) => Promise<string>;
}

const encoder = new TextEncoder();

/** Writes a line of text. */
export async function printLine(output: Output, line: string): Promise<void> {
  await output.write(encoder.encode(`${line}\n`));
}

/** How long whoever reads standard error may take to hear a last word. */
const LISTEN_WITHIN_MS = 2_000;

/** Tells people and programs what they must not miss, though nothing fails if nobody listens. */
export async function warn(io: Io, words: string): Promise<void> {
  const said = printLine(io.stderr, `worker-cli: ${words}`);
  await abortable(said, AbortSignal.timeout(LISTEN_WITHIN_MS)).catch(() => {});
}

/** Tells people something; programs that read stderr are spared it, and nothing fails for it. */
export async function tell(io: Io, words: string): Promise<void> {
  if (io.stderr.isTerminal) await printLine(io.stderr, words).catch(() => {});
}
