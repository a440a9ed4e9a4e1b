import { type BareLog, type BareLogs, type BareReader, MESSAGE_BYTES } from "./bare_logs.ts";

/** Logs that are kept in memory, for ever. */
export class BareMemory implements BareLogs {
  readonly #logs = new Map<string, Uint8Array<ArrayBuffer>[]>();

  write(jobId: string): BareLog {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    this.#logs.set(jobId, pieces);
    return {
      write(piece) {
        pieces.push(piece);
        return new ArrayBuffer(piece.buffer.byteLength);
      },
      end: () => Promise.resolve(),
    };
  }

  read(jobId: string): BareReader {
    const pieces = this.#logs.get(jobId) ?? [];
    let at = 0;
    return {
      next() {
        const from = at;
        for (let bytes = 0; at < pieces.length && bytes < MESSAGE_BYTES;) {
          bytes += pieces[at++]?.byteLength ?? 0;
        }
        return Promise.resolve(pieces.slice(from, at));
      },
      [Symbol.dispose]() {},
    };
  }
}
