import { DatabaseSync } from "node:sqlite";
import { Transactions } from "../../lib/fleet/transactions.ts";
import { assert } from "../assert.ts";

/** A database, and the statements that it gets. */
function open() {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE words (word TEXT NOT NULL UNIQUE)");
  const insert = database.prepare("INSERT INTO words (word) VALUES (?)");
  const statements: string[] = [];
  const noting = {
    get isTransaction() {
      return database.isTransaction;
    },
    prepare(sql: string) {
      const statement = database.prepare(sql);
      return {
        run() {
          statements.push(sql);
          return statement.run();
        },
      };
    },
  };
  let undone = 0;
  const transactions = new Transactions(noting as unknown as DatabaseSync, () => void undone++);
  return {
    ...{ database, transactions, statements },
    undone: () => undone,
    add: (word: string) => void insert.run(word),
    words: () => database.prepare("SELECT word FROM words").all().map(({ word }) => word),
    [Symbol.dispose]: () => database.close(),
  };
}

Deno.test("Transactions that come in one turn share a commit", async () => {
  using test = open();
  const added = ["a", "b", "c"].map((word) => test.transactions.share(() => test.add(word)));
  assert.deepEqual(test.words(), []);
  await Promise.all(added);
  assert.deepEqual(test.words(), ["a", "b", "c"]);
  assert.equal(test.statements.filter((sql) => sql === "COMMIT").length, 1);
  await test.transactions.share(() => test.add("d"));
  assert.equal(test.statements.filter((sql) => sql === "COMMIT").length, 2);
});

Deno.test("Of transactions that share a commit one that fails undoes itself and no other", async () => {
  using test = open();
  const [first, second, third] = await Promise.allSettled([
    test.transactions.share(() => test.add("a")),
    test.transactions.share(() => {
      test.add("b");
      throw new Error("not b");
    }),
    test.transactions.share(() => test.words().length),
  ]);
  assert.equal(first.status, "fulfilled");
  assert.equal(second.status === "rejected" && second.reason.message, "not b");
  assert.deepEqual(third, { status: "fulfilled", value: 1 });
  assert.deepEqual(test.words(), ["a"]);
  assert.equal(test.undone(), 1);
});

Deno.test("Nothing is told as done before it is committed, and all fails with the commit", async () => {
  using test = open();
  test.database.exec(`
    CREATE TABLE others (word TEXT REFERENCES words (word) DEFERRABLE INITIALLY DEFERRED);
    PRAGMA foreign_keys = ON;
  `);
  const results = await Promise.allSettled([
    test.transactions.share(() => test.add("a")),
    // That is found out at the commit only.
    test.transactions.share(() => test.database.exec("INSERT INTO others VALUES ('no word')")),
  ]);
  assert.deepEqual(results.map(({ status }) => status), ["rejected", "rejected"]);
  assert.deepEqual(test.words(), []);
  assert.equal(test.undone(), 1);
});

Deno.test("A transaction of its own is done at once, before those that wait", async () => {
  using test = open();
  const shared = test.transactions.share(() => test.words());
  test.transactions.run(() => test.add("a"));
  assert.deepEqual(await shared, ["a"]);
  assert.throws(() =>
    test.transactions.run(() => {
      test.add("b");
      throw new Error("not b");
    }), /not b/);
  assert.deepEqual(test.words(), ["a"]);
});

Deno.test("What has come is done before the database is closed", async () => {
  using test = open();
  const added = test.transactions.share(() => test.add("a"));
  test.transactions[Symbol.dispose]();
  assert.deepEqual(test.words(), ["a"]);
  await added;
});
