import { WakeUp } from "../async/wake_up.ts";
import { JobLog } from "../log/job_log.ts";
import type { ReadableLog } from "../log/readable_log.ts";
import { openSegment, type Segment } from "../log/segment.ts";

/** What a reader has to know of a log that another process writes. */
export interface LogState {
  /** Start and size of each, see {@linkcode Segment}. */
  readonly segments: readonly (readonly [start: number, size: number])[];
  readonly endOffset: number;
  readonly closed: boolean;
}

/** The state of a log, for a mirror of it. */
export function logStateOf({ segments, endOffset, closed }: JobLog): LogState {
  return { segments: segments.map(({ start, size }) => [start, size]), endOffset, closed };
}

/** A log that another process writes, as far as that process has told. Its bytes are read from the disk. */
export class MirroredLog implements ReadableLog {
  readonly #directory: string;
  readonly #ask: () => Promise<LogState>;
  readonly #wakeUp = new WakeUp();
  #segments: Segment[] = [];
  #endOffset = 0;
  #closed = false;

  /**
   * @param directory of the log
   * @param ask asks the other process for the state as it is now
   */
  constructor(directory: string, ask: () => Promise<LogState>) {
    this.#directory = directory;
    this.#ask = ask;
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get endOffset(): number {
    return this.#endOffset;
  }

  get closed(): boolean {
    return this.#closed;
  }

  changed(): Promise<void> {
    return this.#wakeUp.next();
  }

  async openSegment(segment: Segment): Promise<Deno.FsFile | null> {
    return await openSegment(this.#directory, segment, async () => {
      // It may have been dropped a moment ago.
      this.update(await this.#ask());
      return !this.#segments.includes(segment);
    });
  }

  /**
   * Takes over a state. One that is older than what is known changes nothing.
   *
   * @param grownAt when the log became so, if that is known, see {@linkcode Segment}
   */
  update({ segments, endOffset, closed }: LogState, grownAt?: number): void {
    if (this.#closed || endOffset < this.#endOffset) return;
    const known = new Map(this.#segments.map((segment) => [segment.start, segment]));
    const grown = grownAt === undefined ? {} : { grownAt };
    // Readers hold on to segments, and see them grow.
    this.#segments = segments.map(([start, size]) => {
      const segment = known.get(start) ?? { start, size: 0 };
      return size === segment.size ? segment : Object.assign(segment, { size, ...grown });
    });
    this.#endOffset = endOffset;
    this.#closed = closed;
    this.#wakeUp.notify();
  }

  /** Takes over what is on the disk: nothing will be added. */
  async readDisk(): Promise<void> {
    try {
      this.update(logStateOf(await JobLog.open(this.#directory)));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      // It printed nothing.
    } finally {
      this.#closed = true;
      this.#wakeUp.notify();
    }
  }
}
