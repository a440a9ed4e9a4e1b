import type { StoredRecord } from "../job/types.ts";

/** Whole records, one after the other, as they were read from a segment. Nobody changes them any more. */
export interface Piece {
  /** Those of the streams that are wanted. */
  readonly records: readonly StoredRecord[];
  /** The same, see `packed_records.ts`. */
  readonly packed: Uint8Array<ArrayBuffer>;
  /** How many bytes of the segment they take, those of other streams included. */
  readonly fileBytes: number;
  /** Where the record after them begins, counted in bytes of output. */
  readonly nextOffset: number;
}

/** Unpacks a piece that has been read, for the first who calls it; the others get the same. */
export type UnpackPiece = () => Promise<Piece>;

/** The pieces of one log, by the place of each in it. */
export interface PiecesOfLog {
  /** What somebody reads there, or has just read; `undefined` if nobody. */
  at(place: string): Promise<UnpackPiece> | undefined;
  /**
   * Shares what is being read at a place.
   *
   * @returns whether anybody else may get it
   */
  share(place: string, piece: Promise<UnpackPiece>): boolean;
}

/**
 * How many pieces are kept, of all logs together; each is as large as what is read at once, 16 MiB in all. Of 20 who
 * follow a log as fast as they can, one is behind another by more than a fourth of that.
 */
const MOST = 64;

/**
 * What has just been read of logs, for all who are at the same place: of those who follow a job one reads and packs
 * what it prints, and the others send the same bytes.
 */
export class SharedPieces {
  /** By log and place. The oldest is the first. */
  readonly #pieces = new Map<string, Promise<UnpackPiece>>();

  /** What somebody reads there, or has just read; `undefined` if nobody. */
  at(log: string, place: string): Promise<UnpackPiece> | undefined {
    return this.#pieces.get(keyOf(log, place));
  }

  /** Shares what is being read at a place. */
  share(log: string, place: string, piece: Promise<UnpackPiece>): void {
    const key = keyOf(log, place);
    this.#pieces.set(key, piece);
    for (const oldest of this.#pieces.keys()) {
      if (this.#pieces.size <= MOST) break;
      this.#pieces.delete(oldest);
    }
    piece.catch(() => {
      if (this.#pieces.get(key) === piece) this.#pieces.delete(key);
    });
  }

  /** Drops what was read of a log. */
  drop(log: string): void {
    for (const key of this.#pieces.keys()) {
      if (key.startsWith(keyOf(log, ""))) this.#pieces.delete(key);
    }
  }
}

function keyOf(log: string, place: string): string {
  return `${log}/${place}`;
}
