import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { JobWorkerError, messageOf } from "../errors.ts";
import { fileInfo } from "../files/file_info.ts";
import { flushDirectory } from "../files/flush.ts";
import { JOB_SCHEMA, migrate, schemaVersion } from "./migrations.ts";

/** See https://sqlite.org/fileformat.html. In bytes. */
const MIN_PAGE_BYTES = 512;

/** The settings it is opened with, and what SQLite answers when they are in effect. */
const SETTINGS = [
  ["journal_mode", "WAL", "wal"],
  // A commit is on the disk when it returns, not just ordered with the others.
  ["synchronous", "FULL", 2],
  ["foreign_keys", "ON", 1],
] as const;

/**
 * Opens a database for this process alone, or creates it with mode 0600 if there is none.
 *
 * @param schema the steps that lead to it
 * @throws the error that prevents it; the file is then unchanged
 */
export async function openDatabase(
  path: string,
  schema: readonly string[] = JOB_SCHEMA,
): Promise<DatabaseSync> {
  if (await sizeOf(path) === null) await createDatabase(path, schema);
  const size = await sizeOf(path) ?? 0;
  checkSize(size);
  // A missing part reads as zeros, unless it is still in the write-ahead log.
  const isWhole = await sizeOf(`${path}-wal`) === null;
  const database = new DatabaseSync(path);
  try {
    // A second daemon is refused exactly as long as this one lives.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec("BEGIN IMMEDIATE; COMMIT");
    // Nothing is written before this point.
    check(database, isWhole ? size : Infinity, schema.length);
    setUp(database);
    migrate(database, schema);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The error that says why a database cannot be opened, and what to do about it. */
export function openError(path: string, error: unknown): JobWorkerError {
  const why = messageOf(error);
  return new JobWorkerError(
    PASSING.test(why) ? "unavailable" : "failed_precondition",
    `Cannot open the database "${path}": ${remedyFor(why)}`,
    { cause: error },
  );
}

/** Causes that may be gone at the next try: another daemon that is ending, a full disk. */
const PASSING = /database is locked|is full|No space left/;

/** The texts are those of https://sqlite.org/rescode.html, because `exec` does not report codes. */
function remedyFor(why: string): string {
  if (why.includes("database is locked")) {
    return "another daemon has it open; stop that one, or choose another --data-dir";
  }
  if (why.includes("malformed") || why.includes("not a database")) {
    return `it is damaged (${why}) and has been left as it is; restore it from a backup, or move ` +
      "it away to start with an empty one";
  }
  if (why.includes("is newer than")) return why;
  return `${why}; check the file and its directory, or choose another --data-dir`;
}

/** The size in bytes; `null` if there is no such file. */
async function sizeOf(path: string): Promise<number | null> {
  return (await fileInfo(path))?.size ?? null;
}

/** Creates an empty database, completely or not at all: so an empty file is a damaged one. */
async function createDatabase(path: string, schema: readonly string[]): Promise<void> {
  const draft = await Deno.makeTempFile({ dir: dirname(path), prefix: ".jobs-" });
  try {
    using database = new DatabaseSync(draft);
    migrate(database, schema);
    // Unlike a rename, a link does not replace what another daemon may have created meanwhile.
    await Deno.link(draft, path);
    await flushDirectory(dirname(path));
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  } finally {
    await Deno.remove(draft);
  }
}

/** @throws if the database does not accept a setting: a commit would not be on the disk when it returns */
function setUp(database: DatabaseSync): void {
  for (const [pragma, value, wanted] of SETTINGS) {
    database.exec(`PRAGMA ${pragma} = ${value}`);
    const set = database.prepare(`PRAGMA ${pragma}`).get()?.[pragma];
    if (set !== wanted) throw new Error(`${pragma} is ${set} and cannot be made ${value}`);
  }
}

/**
 * Checks whether {@linkcode openDatabase} would open a file, without touching the file or its lock. If a daemon
 * is running, or died, there are files beside it with what is not in it yet: the file may then be incomplete,
 * and only its header is checked.
 *
 * @throws {JobWorkerError} see {@linkcode openError}
 */
export async function checkDatabase(path: string): Promise<void> {
  try {
    const size = await sizeOf(path);
    // It is created at the start.
    if (size === null) return;
    checkSize(size);
    checkHead(await headOf(path));
    if (size > MAX_READ_BYTES || await sizeOf(`${path}-wal`) !== null) return;
    try {
      await checkCopy(path);
    } catch (error) {
      // A daemon opened it meanwhile, and so checked it.
      if (await sizeOf(`${path}-wal`) === null) throw error;
    }
  } catch (error) {
    throw openError(path, error);
  }
}

/** The size in bytes up to which a copy is checked: a larger one would take too much memory. */
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
  checkSchema(new DataView(head.buffer).getUint32(USER_VERSION), JOB_SCHEMA.length);
}

async function checkCopy(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  // A database in memory has no write-ahead log.
  for (const at of FORMAT_VERSIONS) bytes[at] = 1;
  using copy = new DatabaseSync(":memory:");
  copy.deserialize(bytes);
  check(copy, bytes.byteLength, JOB_SCHEMA.length);
}

/** SQLite would take a shorter file for a new one. */
function checkSize(size: number): void {
  if (size < MIN_PAGE_BYTES) throw new Error(`malformed: only ${size} bytes`);
}

function check(database: DatabaseSync, size: number, newest: number): void {
  const { bytes } = database
    .prepare("SELECT page_size * page_count AS bytes FROM pragma_page_size, pragma_page_count")
    .get() ?? {};
  if (size < Number(bytes)) throw new Error(`malformed: ${size} bytes instead of ${bytes}`);
  checkSchema(schemaVersion(database), newest);
  const [first] = database.prepare("PRAGMA quick_check(1)").all();
  if (first?.quick_check !== "ok") {
    throw new Error(`malformed: ${String(first?.quick_check).replaceAll("\n", " ")}`);
  }
}

/** @param newest the newest schema that this program knows */
function checkSchema(version: number, newest: number): void {
  if (version === 0) throw new Error("not a database of Job Worker");
  if (version > newest) {
    throw new Error(
      `its schema ${version} is newer than ${newest}, the newest that this version knows; ` +
        "install the version that made it",
    );
  }
}
