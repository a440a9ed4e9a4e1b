/**
 * The databases that a registry may be in: what is promised of one holds for each.
 *
 * @module
 */

import postgres, { type Sql } from "postgres";
import {
  PostgresRegistry,
  type PostgresRegistryOptions,
} from "../../lib/fleet/postgres_registry.ts";
import type { Registry } from "../../lib/fleet/registry.ts";
import { SqliteRegistry } from "../../lib/fleet/sqlite_registry.ts";
import { parseDatabaseUrl } from "../../lib/net/database_url.ts";
import { temporaryDirectory } from "../worker/fixture.ts";
import { PASSWORD, postgresTest, TestPostgres } from "./postgres_server.ts";

/** What a test gets: the registry, and a directory for whatever else it needs. */
export type RegistryTest = (registry: Registry, directory: string) => Promise<void>;

/** Registers a test for each database. */
export function testRegistries(promise: string, test: RegistryTest): void {
  Deno.test(`${promise} (SQLite)`, async () => {
    await using directory = await temporaryDirectory();
    await using registry = await SqliteRegistry.open(`${directory.path}/registry.db`);
    await test(registry, directory.path);
  });
  postgresTest(`${promise} (PostgreSQL)`, async () => {
    await using directory = await temporaryDirectory();
    await using registry = await openPostgres(await createDatabase());
    await test(registry, directory.path);
  });
}

let server: Promise<TestPostgres> | undefined;

Deno.test.afterAll(async () => {
  await (await server)?.[Symbol.asyncDispose]();
  server = undefined;
});

/** The server of all tests of a file; it starts when one asks for it. */
export async function postgresServer(): Promise<TestPostgres> {
  return await (server ??= TestPostgres.start());
}

/** A new, empty database. */
export async function createDatabase(): Promise<string> {
  return await (await postgresServer()).createDatabase();
}

/** Opens the registry there, as one hub of several. */
export async function openPostgres(
  url: string,
  options: Partial<PostgresRegistryOptions> = {},
): Promise<PostgresRegistry> {
  return await PostgresRegistry.open({
    url: parseDatabaseUrl(url),
    password: PASSWORD,
    ...{ rootCert: "", fleet: "prod", keyDigest: "same" },
    ...{ onNotice: () => {}, onMissed: () => {} },
    ...options,
  });
}

/** Asks a database as its administrator does. */
export async function askDatabase<T>(url: string, ask: (sql: Sql) => Promise<T>): Promise<T> {
  const { host, port, user, database } = parseDatabaseUrl(url);
  const sql = postgres({ host, port, user, database, password: PASSWORD, max: 1 });
  try {
    return await ask(sql);
  } finally {
    await sql.end();
  }
}
