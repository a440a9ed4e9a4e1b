import type { Segment } from "./segment.ts";

/** A log as its readers see it, whoever writes it. */
export interface ReadableLog {
  /** Oldest first. Only the last one grows; the first one may be dropped at any moment. */
  readonly segments: readonly Segment[];
  /** Bytes of output so far, of both streams together and including dropped segments. */
  readonly endOffset: number;
  /** Whether nothing will be added any more. */
  readonly closed: boolean;
  /** Settles when something is added or the log is closed. Take this promise before you read. */
  changed(): Promise<void>;
  /**
   * Opens a segment for reading; `null` if it has been dropped.
   *
   * @throws `data_loss` if somebody else has removed it
   */
  openSegment(segment: Segment): Promise<Deno.FsFile | null>;
}
