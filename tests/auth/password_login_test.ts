import bcrypt from "bcryptjs";
import { Backoff } from "../../lib/auth/backoff.ts";
import type { Applicant } from "../../lib/auth/bcrypt_thread.ts";
import { BoundedMap } from "../../lib/auth/bounded_map.ts";
import { parsePasswordFile } from "../../lib/auth/password_file.ts";
import { type Login, PasswordLogin } from "../../lib/auth/password_login.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";

/** Their passwords are their names, twice; dora's hash is the costliest. */
const USERS = parsePasswordFile(
  ["alice:admin", "bob:", "carol:operator", "dora:viewer"].map((line) => {
    const [user = "", roles = ""] = line.split(":");
    return `${user}:${bcrypt.hashSync(user + user, user === "dora" ? 7 : 4)}:${roles}`;
  }).join("\n"),
  "users",
);

/** A login by a clock that the test sets, and what was compared by bcrypt. */
class Fixture {
  now = 0;
  readonly compared: { password: string; hashes: readonly string[]; applicant: Applicant }[] = [];
  readonly login = new PasswordLogin(USERS, {
    now: () => this.now,
    bcrypt: {
      matches: (password, hashes, applicant) => {
        this.compared.push({ password, hashes, applicant });
        return bcrypt.compare(password, hashes[0] ?? "");
      },
    },
  });

  async try(user: string, password = user + user, address = "192.0.2.1"): Promise<Login["kind"]> {
    return (await this.login.login({ user, password }, address)).kind;
  }

  /** Fails so often, each time as soon as it may. Returns how long each wait was. */
  async fail(times: number, user: string, address: string): Promise<number[]> {
    const waits: number[] = [];
    for (let time = 0; time < times;) {
      const login = await this.login.login({ user, password: `wrong ${time}` }, address);
      if (login.kind === "throttled") {
        this.now += login.retryAfterMs;
        assert.ok(waits.push(login.retryAfterMs) <= times, "It may not even after its wait");
      } else {
        assert.equal(login.kind, "refused");
        time++;
      }
    }
    return waits;
  }
}

Deno.test("PasswordLogin knows users by their passwords, and their roles", async () => {
  const { login } = new Fixture();
  const address = "192.0.2.1";
  assert.deepEqual(await login.login({ user: "alice", password: "alicealice" }, address), {
    kind: "accepted",
    identity: { user: "alice", roles: ["admin"] },
  });
  assert.deepEqual(await login.login({ user: "bob", password: "bobbob" }, address), {
    kind: "accepted",
    identity: { user: "bob", roles: [] },
  });
  for (
    const [user, password] of [["alice", "alice"], ["nobody", ""], ["", ""], ["__proto__", ""]]
  ) {
    const refused = await login.login({ user: user ?? "", password: password ?? "" }, address);
    assert.deepEqual(refused, { kind: "refused" });
  }
});

Deno.test("PasswordLogin works as hard for a user who does not exist as for any other", async () => {
  const fixture = new Fixture();
  for (const user of ["nobody", "alice", "dora"]) await fixture.try(user, "wrong");
  const rounds = fixture.compared.map(({ hashes }) => {
    for (const hash of hashes) assert.equal(hash.length, 60);
    return hashes.reduce((sum, hash) => sum + 2 ** bcrypt.getRounds(hash), 0);
  });
  assert.deepEqual(rounds, [2 ** 7, 2 ** 7, 2 ** 7]);
});

Deno.test("PasswordLogin remembers for a minute that a password was right, and no other", async () => {
  const fixture = new Fixture();
  await fixture.try("alice");
  assert.equal(await fixture.try("alice"), "accepted");
  assert.equal(fixture.compared.length, 1);
  assert.equal(await fixture.try("alice", "wrong"), "refused");
  assert.equal(await fixture.try("carol", "alicealice"), "refused");
  assert.equal(fixture.compared.length, 3);
  fixture.now += 60_001;
  assert.equal(await fixture.try("alice"), "accepted");
  assert.equal(fixture.compared.length, 4);
});

Deno.test("PasswordLogin compares a wrong password again each time it comes", async () => {
  const fixture = new Fixture();
  for (let time = 1; time <= 3; time++) {
    assert.equal(await fixture.try("alice", "wrong"), "refused");
    assert.equal(fixture.compared.length, time);
  }
});

Deno.test("PasswordLogin lets guesses wait longer and longer, and how long depends on where they count", async () => {
  const stranger = new Fixture();
  const doubled = (most: number) =>
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => Math.min(most, 1000 * 2 ** n));
  assert.deepEqual(await stranger.fail(16, "nobody", "192.0.2.9"), doubled(300_000));
  const known = new Fixture();
  await known.try("alice");
  assert.deepEqual(await known.fail(16, "alice", "192.0.2.1"), doubled(60_000));
  const everywhere = new Fixture();
  const waits: number[] = [];
  for (let host = 0; host < 31; host++) {
    waits.push(...await everywhere.fail(1, "alice", `198.51.100.${host}`));
  }
  assert.deepEqual(waits, doubled(10_000));
});

Deno.test("PasswordLogin knows an address for a day, and a password for a minute, to the millisecond", async () => {
  const MINUTE = 60_000;
  const DAY = 24 * 60 * MINUTE;
  for (const [passed, isKnown] of [[DAY - 1, true], [DAY, false]] as const) {
    const fixture = new Fixture();
    await fixture.try("alice");
    // Each login begins the day anew, one by a password that is remembered too.
    fixture.now += DAY / 2;
    await fixture.try("alice");
    fixture.now += 1;
    await fixture.try("alice");
    fixture.now += passed;
    for (let guess = 0; guess < 6; guess++) await fixture.try("alice", `guess ${guess}`);
    // Guesses from an address that knows her count for her alone, others for everybody at that address.
    assert.equal(await fixture.try("carol"), isKnown ? "accepted" : "throttled");
  }
  for (const [passed, compared] of [[MINUTE - 1, 1], [MINUTE, 2]] as const) {
    const fixture = new Fixture();
    await fixture.try("alice");
    fixture.now += passed;
    await fixture.try("alice");
    assert.equal(fixture.compared.length, compared);
  }
});

Deno.test("PasswordLogin compares once for a login that comes many times at once", async () => {
  const fixture = new Fixture();
  const logins = await Promise.all(Array.from({ length: 20 }, () => fixture.try("alice")));
  assert.deepEqual([...new Set(logins)], ["accepted"]);
  assert.equal(fixture.compared.length, 1);
});

Deno.test("Guesses from one address are slowed down, whichever users they are for", async () => {
  const fixture = new Fixture();
  const waits: number[] = [];
  for (let guess = 0; guess < 14; guess++) {
    const user = guess % 2 === 0 ? "alice" : `user-${guess}`;
    const login = await fixture.login.login({ user, password: "x" }, "192.0.2.9");
    if (login.kind !== "throttled") continue;
    waits.push(login.retryAfterMs);
    fixture.now += login.retryAfterMs;
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000]);
  const soon = await fixture.try("alice", "alicealice", "192.0.2.9");
  assert.equal(soon, "throttled", "not even the right password is tried before its time");
});

Deno.test("Guesses at once do not get round it", async () => {
  const fixture = new Fixture();
  const guesses = Array.from({ length: 50 }, (_, guess) => fixture.try("alice", `guess ${guess}`));
  const kinds = await Promise.all(guesses);
  assert.equal(kinds.filter((kind) => kind === "refused").length, 6);
  assert.equal(fixture.compared.length, 6);
});

Deno.test("Who guesses locks nobody else out", async () => {
  const fixture = new Fixture();
  await fixture.try("alice", "alicealice", "192.0.2.5");
  await fixture.fail(15, "alice", "192.0.2.9");
  // From an address from which nobody has logged in, and from one from which she has.
  assert.equal(await fixture.try("alice", "alicealice", "192.0.2.6"), "accepted");
  for (let host = 0; host < 30; host++) await fixture.fail(5, "alice", `198.51.100.${host}`);
  assert.equal(await fixture.try("alice", "alicealice", "192.0.2.5"), "accepted");
  const stranger = await fixture.login.login(
    { user: "alice", password: "alicealice" },
    "192.0.2.7",
  );
  assert.ok(stranger.kind === "throttled" && stranger.retryAfterMs <= 10_000);
  fixture.now += 10_000;
  assert.equal(await fixture.try("alice", "alicealice", "192.0.2.7"), "accepted");
});

Deno.test("PasswordLogin knows who comes from where somebody has logged in, or with a password that was right", async () => {
  const DAY = 24 * 60 * 60_000;
  const fixture = new Fixture();
  const isKnown = async (user: string, password: string, address: string) => {
    await fixture.try(user, password, address);
    return fixture.compared.at(-1)?.applicant.isKnown;
  };
  assert.equal(await isKnown("alice", "alicealice", "192.0.2.1"), false);
  fixture.now += DAY - 1;
  assert.equal(await isKnown("bob", "wrong", "192.0.2.1"), true);
  assert.equal(await isKnown("nobody", "wrong", "192.0.2.2"), false);
  // Not even her name helps without her password.
  assert.equal(await isKnown("alice", "wrong", "198.51.100.1"), false);
  assert.equal(await isKnown("alice", "bobbob", "198.51.100.2"), false);
  assert.equal(await isKnown("alice", "alicealice", "198.51.100.3"), true);
  fixture.now += DAY;
  assert.equal(await isKnown("alice", "alicealice", "198.51.100.4"), false);
  assert.deepEqual(
    fixture.compared.map(({ applicant }) => applicant.network),
    [...Array(2).fill("192.0.2.0/24"), "192.0.2.0/24", ...Array(4).fill("198.51.100.0/24")],
  );
});

Deno.test("An address from which a user logs in is no place to guess from either", async () => {
  const fixture = new Fixture();
  await fixture.try("alice");
  for (let guess = 0; guess < 6; guess++) await fixture.try("alice", `guess ${guess}`);
  assert.equal(await fixture.try("alice", "guess"), "throttled");
  // Other users of that address do not pay for it.
  assert.equal(await fixture.try("carol"), "accepted");
});

Deno.test("An IPv6 network counts as one, and IPv4 is the same in both forms", async () => {
  const fixture = new Fixture();
  for (let host = 1; host <= 6; host++) await fixture.try("x", "y", `2001:db8:0:7::${host}`);
  assert.equal(await fixture.try("x", "y", "2001:db8::7:ffff:0:0:9"), "throttled");
  assert.equal(await fixture.try("x", "y", "2001:db8:0:8::1"), "refused");
  for (let guess = 0; guess < 6; guess++) await fixture.try("y", "z", "::ffff:192.0.2.77");
  assert.equal(await fixture.try("y", "z", "192.0.2.77"), "throttled");
});

Deno.test("Failures are forgotten in time", async () => {
  const fixture = new Fixture();
  await fixture.fail(10, "alice", "192.0.2.9");
  fixture.now += 15 * 60_000;
  assert.equal(await fixture.try("alice", "wrong", "192.0.2.9"), "refused");
  assert.equal(await fixture.try("alice", "wrong again", "192.0.2.9"), "refused");
});

Deno.test("PasswordLogin without users refuses at once", async () => {
  using login = new PasswordLogin(new Map());
  assert.deepEqual(await login.login({ user: "a", password: "b" }, "192.0.2.1"), {
    kind: "refused",
  });
});

Deno.test("PasswordLogin counts no failure where no password was compared", async () => {
  let busy = true;
  const login = new PasswordLogin(USERS, {
    bcrypt: {
      matches: () =>
        busy
          ? Promise.reject(new JobWorkerError("unavailable", "Too many"))
          : Promise.resolve(true),
    },
  });
  for (let time = 0; time < 30; time++) {
    await assert.rejects(login.login({ user: "alice", password: `${time}` }, "192.0.2.1"));
  }
  busy = false;
  const { kind } = await login.login({ user: "alice", password: "" }, "192.0.2.1");
  assert.equal(kind, "accepted");
});

Deno.test("A flood of wrong passwords from fifty addresses keeps nobody out who has logged in before", async () => {
  let now = 0;
  using login = new PasswordLogin(USERS, { now: () => now });
  const logIn = async (user: string, password: string, address: string) => {
    const { kind } = await soon(login.login({ user, password }, address), () => "a login", 20_000);
    return kind;
  };
  assert.equal(await logIn("alice", "alicealice", "192.0.2.1"), "accepted");
  // Her password has to be compared again.
  now += 60_000;
  const guesses = Array.from(
    { length: 50 },
    (_, network) =>
      [1, 2, 3].map((guess) => logIn(`user-${network}-${guess}`, "wrong", `10.0.${network}.1`)),
  );
  const outcomes = Promise.allSettled(guesses.flat());
  const kinds = await Promise.all([
    logIn("alice", "alicealice", "192.0.2.1"),
    logIn("alice", "alicealice", "198.51.100.1"),
    logIn("carol", "carolcarol", "192.0.2.1"),
  ]);
  assert.deepEqual(kinds, ["accepted", "accepted", "accepted"]);
  const refused = (await outcomes).filter(({ status }) => status === "rejected");
  assert.equal(refused.length, 150 - 8);
});

Deno.test("Backoff forgets the oldest keys when there are too many", () => {
  const backoff = new Backoff({
    free: 0,
    firstMs: 10,
    maxMs: 100,
    forgetMs: 1000,
    maxKeys: 2,
  });
  for (const key of ["a", "b", "a", "c"]) backoff.fail(key, 0);
  assert.deepEqual(["a", "b", "c"].map((key) => backoff.waitMs(key, 0)), [20, 0, 10]);
  backoff.forgive("a", 0);
  assert.equal(backoff.waitMs("a", 0), 10);
  for (let time = 0; time < 20; time++) backoff.fail("a", 0);
  assert.equal(backoff.waitMs("a", 0), 100);
});

Deno.test("BoundedMap keeps the keys that were set last", () => {
  const map = new BoundedMap<string, number>(2).set("a", 1).set("b", 2).set("a", 3).set("c", 4);
  assert.deepEqual([...map], [["a", 3], ["c", 4]]);
});
