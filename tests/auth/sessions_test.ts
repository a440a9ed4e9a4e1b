import type { PasswordEntry } from "../../lib/auth/password_file.ts";
import { type SessionChange, type SessionList, Sessions } from "../../lib/auth/sessions.ts";
import { assert } from "../assert.ts";
import { byUser, changed, NO_SESSIONS, sessionsOf, userOf } from "./sessions_fixture.ts";

Deno.test("A session is opened by its token alone, until it is closed", async () => {
  const sessions = sessionsOf(userOf("alice"), userOf("bob"));
  const alice = await sessions.open(byUser("alice"), "192.0.2.1");
  const bob = await sessions.open(byUser("bob"), "192.0.2.2");
  const known = sessions.check(alice);
  assert.deepEqual(known?.identity, { user: "alice", roles: ["operator"] });
  assert.equal(known.session.address, "192.0.2.1");
  const [id = "", signature = ""] = alice.split(".");
  const [otherId = "", other = ""] = bob.split(".");
  const forged = ["", ".", id, `${id}.`, `${id}.${other}`, `${otherId}.${signature}`, `${alice}x`];
  for (const token of forged) assert.equal(sessions.check(token), null, token);
  assert.deepEqual(sessions.list("bob").map(({ id }) => id), [otherId]);
  assert.equal(sessions.list().length, 2);
  await sessions.close(id, byUser("alice"));
  assert.equal(sessions.check(alice), null);
  assert.equal(sessions.check(bob)?.identity.user, "bob");
});

Deno.test("A session has the roles that its user has now, and ends with the user, the password and the time", async () => {
  let list: SessionList = NO_SESSIONS;
  const ask = (change: SessionChange) => first.update(list = changed(list, change));
  const first = new Sessions(new Map([userOf("alice")]), list, { ask });
  const token = await first.open(byUser("alice"), "192.0.2.1");
  const checked = (...users: [string, PasswordEntry][]) =>
    new Sessions(new Map(users), list, { ask }).check(token);
  assert.deepEqual(checked(userOf("alice", { roles: ["viewer"] }))?.identity.roles, ["viewer"]);
  assert.equal(checked(userOf("bob")), null);
  assert.equal(checked(userOf("alice", { hash: `$2b$12$${"y".repeat(53)}` })), null);
  const expired = list.list.map((one) => ({ ...one, expiresAt: Date.now() - 1 }));
  first.update({ ...list, list: expired });
  assert.equal(first.check(token), null);
  assert.deepEqual(first.list(), []);
  first.update({ key: new Uint8Array(32).fill(8).toBase64(), list: list.list });
  assert.equal(first.check(token), null);
});

Deno.test("A session that the engine does not record is not opened, and one that it keeps is not closed", async () => {
  const sessions = new Sessions(new Map([userOf("alice")]), NO_SESSIONS, {
    ask: () => sessions.update(NO_SESSIONS),
    changeWithinMs: 10,
  });
  const refused = { code: "unavailable", message: "The login cannot be recorded: try again" };
  await assert.rejects(sessions.open(byUser("alice"), "192.0.2.1"), refused);
  const one = { user: "alice", createdAt: 0, expiresAt: Infinity, address: "" };
  sessions.update({ ...NO_SESSIONS, list: [{ ...one, id: "0".repeat(32) }] });
  const kept = new Sessions(new Map(), { ...NO_SESSIONS, list: sessions.list() }, {
    ask: () => {},
    changeWithinMs: 10,
  });
  await assert.rejects(kept.close("0".repeat(32), byUser("alice")), refused);
});
