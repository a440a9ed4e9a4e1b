import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { MemoryStore } from "../../lib/worker/memory_store.ts";
import type { JobStore } from "../../lib/worker/mod.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

/** Every implementation of `JobStore`. */
export const STORES: Readonly<Record<string, (directory: string) => Promise<JobStore>>> = {
  MemoryStore: () => Promise.resolve(new MemoryStore()),
  SqliteStore: (directory) => SqliteStore.open(`${directory}/jobs.db`),
};

/** Runs a test with an empty store of each kind. */
export function testStores(promise: string, test: (store: JobStore) => Promise<void>): void {
  for (const [name, open] of Object.entries(STORES)) {
    Deno.test(`${name}.${promise}`, async () => {
      await using directory = await temporaryDirectory();
      await using store = await open(directory.path);
      await test(store);
    });
  }
}
