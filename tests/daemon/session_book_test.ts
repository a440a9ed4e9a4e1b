import { SessionBook } from "../../lib/daemon/session_book.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

function sessionOf(number: number, user = "alice", expiresAt = Date.now() + 3_600_000) {
  const id = number.toString(16).padStart(32, "0");
  return { id, user, createdAt: number, expiresAt, address: "192.0.2.1" };
}

const BY = { user: "alice", roles: ["operator"], peer: "192.0.2.1:5000" } as const;
const audit = () => Promise.resolve();

Deno.test("SessionBook has an audit line for each login that is opened or ended, and for no other", async () => {
  await using directory = await temporaryDirectory();
  const entries: string[] = [];
  const book = await SessionBook.open(directory.path, ({ method, caller, decision, why = "" }) => {
    const { identity: { user, roles }, peer } = caller;
    entries.push([decision, method, user, roles, peer, why].join(" "));
    return Promise.resolve();
  });
  const root = { ...BY, user: "root", roles: ["admin"] } as const;
  await book.change({ kind: "open", session: sessionOf(1), by: BY });
  await book.change({ kind: "close", id: sessionOf(1).id, by: root });
  await book.change({ kind: "close", id: sessionOf(1).id, by: root });
  assert.deepEqual(entries, [
    "allowed login alice operator 192.0.2.1:5000 ",
    "allowed logout root admin 192.0.2.1:5000 the login of alice from 192.0.2.1",
  ]);
});

Deno.test("SessionBook takes from a gateway no session that lasts too long, and none under another name", async () => {
  await using directory = await temporaryDirectory();
  const users: string[] = [];
  const book = await SessionBook.open(directory.path, ({ caller }) => {
    users.push(caller.identity.user);
    return Promise.resolve();
  });
  for (const expiresAt of [Date.now() + 13 * 3_600_000, Infinity, NaN]) {
    await assert.rejects(
      book.change({ kind: "open", session: sessionOf(1, "root", expiresAt), by: BY }),
      { message: "Cannot open a session that lasts longer than others" },
    );
  }
  assert.deepEqual([book.list.list, users], [[], []]);
  await book.change({ kind: "open", session: sessionOf(1, "root"), by: BY });
  assert.deepEqual(users, ["root"]);
});

Deno.test("SessionBook keeps its sessions and its key over a restart, in a file for its user only", async () => {
  await using directory = await temporaryDirectory();
  const book = await SessionBook.open(directory.path, audit);
  assert.deepEqual(book.list.list, []);
  await Promise.all(
    [1, 2, 3].map((n) => book.change({ kind: "open", session: sessionOf(n), by: BY })),
  );
  await book.change({ kind: "close", id: sessionOf(2).id, by: BY });
  await book.change({ kind: "close", id: sessionOf(9).id, by: BY });
  const { mode } = await Deno.stat(`${directory.path}/sessions.json`);
  assert.equal((mode ?? 0) & 0o777, 0o600);
  const next = await SessionBook.open(directory.path, audit);
  assert.deepEqual(next.list, book.list);
  assert.deepEqual(next.list.list.map(({ createdAt }) => createdAt), [1, 3]);
});

Deno.test("SessionBook has room for the newest sessions of each user, and forgets those that are over", async () => {
  await using directory = await temporaryDirectory();
  const book = await SessionBook.open(directory.path, audit);
  await book.change({ kind: "open", session: sessionOf(1000, "bob"), by: BY });
  await book.change({ kind: "open", session: sessionOf(1001, "carol", Date.now() - 1), by: BY });
  for (let n = 0; n < 20; n++) await book.change({ kind: "open", session: sessionOf(n), by: BY });
  const starts = book.list.list.map(({ createdAt }) => createdAt);
  assert.deepEqual(starts, [1000, ...Array.from({ length: 16 }, (_, n) => n + 4)]);
});

Deno.test("SessionBook is as it was if a change cannot be written down", async () => {
  await using directory = await temporaryDirectory();
  const book = await SessionBook.open(`${directory.path}/gone`, audit);
  await assert.rejects(
    book.change({ kind: "open", session: sessionOf(1), by: BY }),
    Deno.errors.NotFound,
  );
  assert.deepEqual(book.list.list, []);
  await Deno.mkdir(`${directory.path}/gone`);
  await book.change({ kind: "open", session: sessionOf(2), by: BY });
  assert.equal(book.list.list.length, 1);
});

Deno.test("SessionBook refuses a file that is not as it should be, and names it", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/sessions.json`;
  for (const text of ["", "{", '{"key":"short","list":[]}', '{"key":1}']) {
    await Deno.writeTextFile(path, text, { mode: 0o600 });
    await assert.rejects(SessionBook.open(directory.path, audit), {
      code: "failed_precondition",
      message: /^Cannot use the sessions in ".*sessions\.json": .*; move the file away, and /s,
    });
  }
});
