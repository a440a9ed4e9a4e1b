/** What happens when a {@linkcode pullStream} ends. */
export interface PullStreamOptions {
  /** Told that the source has ended by itself. */
  readonly onEnd?: () => void;
  /** Told that the reader has left, be it in the middle of a wait for the source. */
  readonly onCancel?: () => Promise<void>;
}

/**
 * A stream that asks its source for a piece only when its reader does. `ReadableStream.from` would let a
 * reader that leaves wait until the source has its next piece.
 */
export function pullStream<T>(
  source: AsyncIterator<T, void>,
  { onEnd, onCancel }: PullStreamOptions = {},
): ReadableStream<T> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await source.next();
      if (done !== true) return controller.enqueue(value);
      onEnd?.();
      controller.close();
    },
    cancel: () => onCancel?.(),
  }, { highWaterMark: 0 });
}
