import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { JobWorkerError, messageOf } from "../errors.ts";
import { fileInfo } from "../files/file_info.ts";
import { flushDirectory } from "../files/flush.ts";
import { migrate, SCHEMA_VERSION, schemaVersion } from "./migrations.ts";

/** See https://sqlite.org/fileformat.html. In bytes. */
const MIN_PAGE_BYTES = 512;

/** What it is opened with, and what SQLite says once that is so. */
const SETTINGS = [
  ["journal_mode", "WAL", "wal"],
  // A commit is on the disk once it is made, and not only in order with the others.
  ["synchronous", "FULL", 2],
  ["foreign_keys", "ON", 1],
] as const;

/**
 * Opens a database for this process alone, or makes it, with mode 0600, if there is none.
 *
 * @throws whatever is in the way; the file is then as it was
 */
export async function openDatabase(path: string): Promise<DatabaseSync> {
  if (await sizeOf(path) === null) await createDatabase(path);
  const size = await sizeOf(path) ?? 0;
  checkSize(size);
  // What is not there reads as zeros, unless it is still in the write-ahead log.
  const isWhole = await sizeOf(`${path}-wal`) === null;
  const database = new DatabaseSync(path);
  try {
    // A second daemon is refused for as long as this one lives, and no longer.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec("BEGIN IMMEDIATE; COMMIT");
    // Nothing is written before this.
    check(database, isWhole ? size : Infinity);
    setUp(database);
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** What was in the way of opening a database, and what to do about it. */
export function openError(path: string, error: unknown): JobWorkerError {
  const why = messageOf(error);
  return new JobWorkerError(
    PASSING.test(why) ? "unavailable" : "failed_precondition",
    `Cannot open the database "${path}": ${remedyFor(why)}`,
    { cause: error },
  );
}

/** What may be over at the next try: another daemon that ends, a disk that is full. */
const PASSING = /database is locked|is full|No space left/;

/** The texts are those of https://sqlite.org/rescode.html: `exec` tells no codes. */
function remedyFor(why: string): string {
  if (why.includes("database is locked")) {
    return "another daemon has it open; stop that one, or choose another --data-dir";
  }
  if (why.includes("malformed") || why.includes("not a database")) {
    return `it is damaged (${why}) and has been left as it is; restore it from a backup, or move ` +
      "it away to begin anew";
  }
  if (why.includes("is newer than")) return why;
  return `${why}; see to the file and its directory, or choose another --data-dir`;
}

/** In bytes; `null` if there is no such file. */
async function sizeOf(path: string): Promise<number | null> {
  return (await fileInfo(path))?.size ?? null;
}

/** Makes an empty database, whole or not at all: so a file with nothing in it is a damaged one. */
async function createDatabase(path: string): Promise<void> {
  const draft = await Deno.makeTempFile({ dir: dirname(path), prefix: ".jobs-" });
  try {
    using database = new DatabaseSync(draft);
    migrate(database);
    // Unlike a rename, it does not replace what another daemon may have made meanwhile.
    await Deno.link(draft, path);
    await flushDirectory(dirname(path));
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  } finally {
    await Deno.remove(draft);
  }
}

/** @throws if the database does not take it: a commit would not be on the disk once it is made */
function setUp(database: DatabaseSync): void {
  for (const [pragma, value, wanted] of SETTINGS) {
    database.exec(`PRAGMA ${pragma} = ${value}`);
    const set = database.prepare(`PRAGMA ${pragma}`).get()?.[pragma];
    if (set !== wanted) throw new Error(`${pragma} is ${set} and cannot be made ${value}`);
  }
}

/**
 * Looks whether {@linkcode openDatabase} would open a file, and touches neither the file nor its lock. What
 * a daemon that runs, or that has died, has not brought into the file is beside it: then the file need
 * not be whole, and only its head is looked at.
 *
 * @throws {JobWorkerError} see {@linkcode openError}
 */
export async function checkDatabase(path: string): Promise<void> {
  try {
    const size = await sizeOf(path);
    // It is made at the start.
    if (size === null) return;
    checkSize(size);
    checkHead(await headOf(path));
    if (size > MAX_READ_BYTES || await sizeOf(`${path}-wal`) !== null) return;
    try {
      await checkCopy(path);
    } catch (error) {
      // Opened meanwhile, and so looked at by a daemon.
      if (await sizeOf(`${path}-wal`) === null) throw error;
    }
  } catch (error) {
    throw openError(path, error);
  }
}

/** In bytes. A copy of a larger one would take too much memory. */
const MAX_READ_BYTES = 512 * 1024 * 1024;

/** See https://sqlite.org/fileformat.html#the_database_header. */
const HEAD_BYTES = 100;
const MAGIC = "SQLite format 3\0";
const FORMAT_VERSIONS = [18, 19] as const;
const USER_VERSION = 60;

async function headOf(path: string): Promise<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path);
  const head = new Uint8Array(HEAD_BYTES);
  await file.read(head);
  return head;
}

function checkHead(head: Uint8Array<ArrayBuffer>): void {
  if (new TextDecoder().decode(head.subarray(0, MAGIC.length)) !== MAGIC) {
    throw new Error("file is not a database");
  }
  checkSchema(new DataView(head.buffer).getUint32(USER_VERSION));
}

async function checkCopy(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  // In memory there is no write-ahead log.
  for (const at of FORMAT_VERSIONS) bytes[at] = 1;
  using copy = new DatabaseSync(":memory:");
  copy.deserialize(bytes);
  check(copy, bytes.byteLength);
}

/** SQLite would take a shorter one for new. */
function checkSize(size: number): void {
  if (size < MIN_PAGE_BYTES) throw new Error(`malformed: only ${size} bytes`);
}

function check(database: DatabaseSync, size: number): void {
  const { bytes } = database
    .prepare("SELECT page_size * page_count AS bytes FROM pragma_page_size, pragma_page_count")
    .get() ?? {};
  if (size < Number(bytes)) throw new Error(`malformed: ${size} bytes instead of ${bytes}`);
  checkSchema(schemaVersion(database));
  const [first] = database.prepare("PRAGMA quick_check(1)").all();
  if (first?.quick_check !== "ok") {
    throw new Error(`malformed: ${String(first?.quick_check).replaceAll("\n", " ")}`);
  }
}

function checkSchema(version: number): void {
  if (version === 0) throw new Error("not a database of Job Worker");
  if (version > SCHEMA_VERSION) {
    throw new Error(
      `its schema ${version} is newer than ${SCHEMA_VERSION}, the newest that this version knows; ` +
        "install the version that made it",
    );
  }
}
