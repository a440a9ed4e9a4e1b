import type { DatabaseSync } from "node:sqlite";

/** Does all of something, or nothing of it. What it has done is on the disk when it returns. */
export type Transaction = <T>(act: () => T) => T;

/**
 * The transactions of a database that only this process has open.
 *
 * @param onUndone called when one has been undone, for what is known of it beside the database
 */
export function transactionsOf(database: DatabaseSync, onUndone: () => void): Transaction {
  return (act) => {
    database.exec("BEGIN IMMEDIATE");
    try {
      const result = act();
      database.exec("COMMIT");
      return result;
    } catch (error) {
      // Some errors, such as a full disk, have already rolled it back.
      if (database.isTransaction) database.exec("ROLLBACK");
      onUndone();
      throw error;
    }
  };
}
