import type { CallContext, LogBatch, StreamLogsRequest } from "../../lib/service/job_service.ts";
import { concat } from "../../lib/net/frames.ts";
import { assert } from "../assert.ts";
import { WHOLE_JOB } from "../service/samples.ts";

/** Reads all of a log. */
export const FOLLOW: StreamLogsRequest = {
  jobId: WHOLE_JOB.jobId,
  streams: [],
  follow: true,
  start: { kind: "offset", offset: 0 },
};

type Pause = (signal: AbortSignal) => Promise<void>;

/** A log of which a part comes at a time; it ends with its job. */
export class TestLog {
  /** How often it was opened. */
  opened = 0;
  /** How many parts were asked for. */
  asked = 0;
  /** How often a reader has left before the end. */
  left = 0;
  readonly #parts: readonly Uint8Array<ArrayBuffer>[];
  readonly #pause: Pause;

  /** @param pause before each part */
  constructor(sizes: readonly number[], pause: Pause = () => Promise.resolve()) {
    let next = 0;
    this.#parts = sizes.map((size) => Uint8Array.from({ length: size }, () => next++ % 251));
    this.#pause = pause;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return concat(this.#parts);
  }

  async *read(
    { start }: StreamLogsRequest,
    { signal }: CallContext,
  ): AsyncGenerator<LogBatch, void, undefined> {
    assert.equal(start.kind, "offset");
    const from = start.kind === "offset" ? start.offset : 0;
    this.opened++;
    let offset = 0;
    let isOver = false;
    try {
      for (const part of this.#parts) {
        const skipped = Math.min(Math.max(from - offset, 0), part.byteLength);
        offset += part.byteLength;
        if (skipped === part.byteLength) continue;
        await this.#pause(signal);
        signal.throwIfAborted();
        this.asked++;
        const data = part.subarray(skipped);
        const at = offset - data.byteLength;
        const record = { offset: at, time: 1, stream: "stdout", data } as const;
        yield { records: [record], nextOffset: offset, finishedJob: null };
      }
      isOver = true;
      yield { records: [], nextOffset: offset, finishedJob: WHOLE_JOB };
    } finally {
      if (!isOver) this.left++;
    }
  }
}

/** What a reader has got, which must have come in order and without a gap. */
export async function readWhole(
  batches: AsyncIterable<LogBatch>,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  let finished = 0;
  for await (const { records, nextOffset, finishedJob } of batches) {
    for (const { offset, data } of records) {
      assert.equal(offset, length);
      parts.push(data);
      length += data.byteLength;
    }
    assert.equal(nextOffset, length);
    if (finishedJob !== null) finished++;
  }
  assert.equal(finished, 1);
  return concat(parts);
}
