import { dirname } from "node:path";
import { type ErrorCode, JobWorkerError, messageOf } from "../errors.ts";
import { countFlush, flushDirectory, writeFully } from "../files/flush.ts";
import { readFully } from "../files/read_fully.ts";
import { damageLine } from "./audit_line.ts";

const NEWLINE = 0x0a;

/**
 * How much of the end is examined, in bytes. A power cut damages only what had not been flushed, which is
 * less than this.
 */
const TAIL_BYTES = 8 * 1024 * 1024;

/** More than a line has, in bytes. */
const HEAD_BYTES = 64 * 1024;

/** The file of the audit trail, open for appending. */
export interface Trail {
  readonly file: Deno.FsFile;
  /** Its inode. */
  readonly ino: number | null;
  /** How large it was when it was opened, in bytes. */
  readonly size: number;
  /** The time of its first line, in milliseconds since the Unix epoch; `null` if it has none. */
  readonly begunAt: number | null;
  /** Flushes to the disk what has been written; see {@linkcode flushFile}. */
  flush(): Promise<void>;
  close(): void;
}

/**
 * Opens the file of the trail, or creates it with mode 0600. What a power cut damaged at its end is left as
 * it is, and marked by a line of its own.
 *
 * @param onDamage told of what is marked
 * @throws the error of the system; see {@linkcode unwritable}
 */
export async function openTrail(
  path: string,
  onDamage: (error: Error) => void,
): Promise<Trail> {
  const trail = await openTwice(path);
  try {
    await markDamage(path, trail, onDamage);
    const { ino, size } = await trail.file.stat();
    return { ...trail, ino, size, begunAt: await firstTime(trail.file) };
  } catch (error) {
    trail.close();
    throw error;
  }
}

/** The error that says why nothing can be written to the trail. */
export function unwritable(
  path: string,
  error: unknown,
  code: ErrorCode = "unavailable",
): JobWorkerError {
  const why = `Cannot write the audit trail ${path}: ${messageOf(error)}`;
  return new JobWorkerError(code, why, { cause: error });
}

/** Opens one descriptor to write and another to flush, because on the same one Deno does them in turn. */
async function openTwice(path: string): Promise<Pick<Trail, "file" | "flush" | "close">> {
  for (;;) {
    const file = await Deno.open(path, { read: true, append: true, create: true, mode: 0o600 });
    try {
      if (!(await file.stat()).isFile) {
        // deno-lint-ignore house/error-message -- a part of what unwritable() says
        throw new JobWorkerError("failed_precondition", "it is not a file");
      }
      await flushDirectory(dirname(path));
      const second = await Deno.open(path);
      const close = () => [file, second].forEach((one) => one.close());
      if ((await second.stat()).ino === (await file.stat()).ino) {
        return { file, flush: () => countFlush(() => second.syncData()), close };
      }
      // The file was renamed in between.
      close();
    } catch (error) {
      file.close();
      throw error;
    }
  }
}

/** The time of the first line, if it is one. */
async function firstTime(file: Deno.FsFile): Promise<number | null> {
  const head = new Uint8Array(HEAD_BYTES);
  await file.seek(0, Deno.SeekMode.Start);
  const bytes = head.subarray(0, await readFully(file, head));
  const line = parsedLine(bytes.subarray(0, Math.max(0, bytes.indexOf(NEWLINE))));
  const time = Date.parse(String(Reflect.get(Object(line), "time")));
  return Number.isNaN(time) ? null : time;
}

async function markDamage(
  path: string,
  { file, flush }: Pick<Trail, "file" | "flush">,
  onDamage: (error: Error) => void,
): Promise<void> {
  const { size } = await file.stat();
  const { damages, isTorn } = await findDamage(file, size);
  const marks = damages.map(({ from, to }) => damageLine(from, to)).join("");
  // A torn line needs an end, or the next line would be lost in it.
  const text = (isTorn ? "\n" : "") + marks;
  if (text === "") return;
  await writeFully(file, new TextEncoder().encode(text));
  await flush();
  for (const { from, to } of damages) {
    onDamage(
      new Error(
        `A power cut damaged the audit trail ${path}: bytes ${from} to ${to} are not ` +
          "complete lines; a line at its end marks them",
      ),
    );
  }
}

/** A range of bytes, from one offset up to another, exclusive. */
interface Damage {
  readonly from: number;
  readonly to: number;
}

/** The parts of the tail that are not whole lines and not marked yet. */
async function findDamage(
  file: Deno.FsFile,
  size: number,
): Promise<{ damages: Damage[]; isTorn: boolean }> {
  const begin = Math.max(0, size - TAIL_BYTES);
  const tail = new Uint8Array(size - begin);
  await file.seek(begin, Deno.SeekMode.Start);
  const bytes = tail.subarray(0, await readFully(file, tail));
  const damages: { from: number; to: number }[] = [];
  const marked = new Set<number>();
  // The first line of a tail may have begun before it.
  let at = begin === 0 ? 0 : bytes.indexOf(NEWLINE) + 1;
  while (at < bytes.byteLength) {
    const found = bytes.indexOf(NEWLINE, at);
    const end = found < 0 ? bytes.byteLength : found;
    const line = parsedLine(bytes.subarray(at, end));
    const last = damages.at(-1);
    if (line !== null) marked.add(Number(Reflect.get(Object(Reflect.get(line, "damaged")), "to")));
    else if (last?.to === begin + at - 1) last.to = begin + end;
    else damages.push({ from: begin + at, to: begin + end });
    at = end + 1;
  }
  return {
    damages: damages.filter(({ to }) => !marked.has(to)),
    isTorn: bytes.byteLength > 0 && bytes.at(-1) !== NEWLINE,
  };
}

/** The object on a line; `null` if the line holds anything else. */
function parsedLine(bytes: Uint8Array): object | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}
