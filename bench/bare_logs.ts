/** Where jobs print to, and what is read of that. */
export interface BareLogs {
  /** The log of a job that has printed nothing yet. */
  write(jobId: string): BareLog;
  /** Reads the log of a job from its start. */
  read(jobId: string): BareReader;
}

/** Takes what a job prints. */
export interface BareLog {
  /** @returns the memory for the next piece */
  write(piece: Uint8Array<ArrayBuffer>): ArrayBuffer;
  /** Brings all of it to where a power cut cannot take it, if anything is kept there. Nothing comes after that. */
  end(): Promise<void>;
}

/** Reads what a job has printed. */
export interface BareReader extends Disposable {
  /**
   * What comes next, as much as a message holds. It is good until the next is asked for.
   *
   * @param bytes how much there is
   */
  next(bytes: number): Promise<readonly Uint8Array<ArrayBuffer>[]>;
}

/** As much as a message of the daemon holds. */
export const MESSAGE_BYTES = 256 * 1024;
