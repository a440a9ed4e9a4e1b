import { abortable } from "../async/abortable.ts";

/** How much to gather, and for how long. */
export interface GatherOptions {
  /** How long to wait for the first frame. */
  readonly waitMs: number;
  /** The last frame begins before there are as many. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** Some frames of an answer. */
export interface GatheredPage {
  readonly frames: readonly Uint8Array<ArrayBuffer>[];
  /** Whether nothing comes after them. */
  readonly isLast: boolean;
}

type Frames = AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>;

/** An answer that is fetched page by page. What nobody has fetched is not asked for, but for one frame. */
export class OpenCall {
  /** How many pages were gathered. */
  pages: number;
  readonly #frames: Frames;
  readonly #leave: () => void;
  #isAsked = false;
  #arrived: IteratorResult<Uint8Array<ArrayBuffer>, void> | null = null;
  #onArrival = () => {};

  /**
   * @param frames must not throw
   * @param options.pages how many were gathered of the call that this one continues
   * @param options.leave ends the wait for the next frame
   */
  constructor(frames: Frames, { pages, leave }: { pages: number; leave: () => void }) {
    this.#frames = frames;
    this.pages = pages;
    this.#leave = leave;
  }

  /**
   * Waits for the first frame, and takes those that are there then.
   *
   * @returns no frames if none came in time
   * @throws the reason of the signal
   */
  async gather({ waitMs, maxBytes, signal }: GatherOptions): Promise<GatheredPage> {
    const frames: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    let isLast = false;
    while (bytes < maxBytes) {
      const result = await this.#next(frames.length === 0 ? waitMs : 0, signal);
      if (result === null) break;
      isLast = result.done === true;
      if (result.done === true) break;
      frames.push(result.value);
      bytes += result.value.byteLength;
    }
    this.pages++;
    return { frames, isLast };
  }

  async close(): Promise<void> {
    this.#leave();
    await this.#frames.return();
  }

  async #next(
    waitMs: number,
    signal: AbortSignal,
  ): Promise<IteratorResult<Uint8Array<ArrayBuffer>, void> | null> {
    if (!this.#isAsked) {
      this.#isAsked = true;
      void this.#ask();
    }
    if (this.#arrived === null) await this.#arrival(waitMs, signal);
    const result = this.#arrived;
    if (result === null) return null;
    this.#arrived = null;
    this.#isAsked = false;
    return result;
  }

  async #ask(): Promise<void> {
    this.#arrived = await this.#frames.next();
    this.#onArrival();
  }

  /** A wait may end many times before the frame comes, so none may leave anything with the promise of the frame. */
  async #arrival(waitMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onArrival = resolve;
    const timer = setTimeout(resolve, waitMs);
    try {
      await abortable(promise, signal);
    } finally {
      clearTimeout(timer);
    }
  }
}
