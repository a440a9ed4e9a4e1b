import { SessionBook } from "../../lib/daemon/session_book.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

function sessionOf(number: number, user = "alice", expiresAt = Date.now() + 3_600_000) {
  const id = number.toString(16).padStart(32, "0");
  return { id, user, createdAt: number, expiresAt, address: "192.0.2.1" };
}

Deno.test("SessionBook keeps its sessions and its key over a restart, in a file for its user only", async () => {
  await using directory = await temporaryDirectory();
  const book = await SessionBook.open(directory.path);
  assert.deepEqual(book.list.list, []);
  await Promise.all([1, 2, 3].map((n) => book.change({ kind: "open", session: sessionOf(n) })));
  await book.change({ kind: "close", id: sessionOf(2).id });
  await book.change({ kind: "close", id: sessionOf(9).id });
  const { mode } = await Deno.stat(`${directory.path}/sessions.json`);
  assert.equal((mode ?? 0) & 0o777, 0o600);
  const next = await SessionBook.open(directory.path);
  assert.deepEqual(next.list, book.list);
  assert.deepEqual(next.list.list.map(({ createdAt }) => createdAt), [1, 3]);
});

Deno.test("SessionBook has room for the newest sessions of each user, and forgets those that are over", async () => {
  await using directory = await temporaryDirectory();
  const book = await SessionBook.open(directory.path);
  await book.change({ kind: "open", session: sessionOf(1000, "bob") });
  await book.change({ kind: "open", session: sessionOf(1001, "carol", Date.now() - 1) });
  for (let n = 0; n < 20; n++) await book.change({ kind: "open", session: sessionOf(n) });
  const starts = book.list.list.map(({ createdAt }) => createdAt);
  assert.deepEqual(starts, [1000, ...Array.from({ length: 16 }, (_, n) => n + 4)]);
});

Deno.test("SessionBook is as it was if a change cannot be written down", async () => {
  await using directory = await temporaryDirectory();
  const book = await SessionBook.open(`${directory.path}/gone`);
  await assert.rejects(book.change({ kind: "open", session: sessionOf(1) }), Deno.errors.NotFound);
  assert.deepEqual(book.list.list, []);
  await Deno.mkdir(`${directory.path}/gone`);
  await book.change({ kind: "open", session: sessionOf(2) });
  assert.equal(book.list.list.length, 1);
});

Deno.test("SessionBook refuses a file that is not as it should be, and names it", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/sessions.json`;
  for (const text of ["", "{", '{"key":"short","list":[]}', '{"key":1}']) {
    await Deno.writeTextFile(path, text, { mode: 0o600 });
    await assert.rejects(SessionBook.open(directory.path), {
      code: "failed_precondition",
      message: /^Cannot use the sessions in ".*sessions\.json": .*; move the file away, and /s,
    });
  }
});
