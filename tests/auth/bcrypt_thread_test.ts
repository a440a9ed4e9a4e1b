import bcrypt from "bcryptjs";
import { type Applicant, BcryptThread } from "../../lib/auth/bcrypt_thread.ts";
import { assert } from "../assert.ts";
import { soon } from "../soon.ts";

/** Asks a thread, and fails rather than wait for ever. */
function matches(
  thread: BcryptThread,
  password: string,
  hashes: string[],
  applicant: Applicant = { isKnown: true, network: "192.0.2.0/24" },
): Promise<boolean> {
  return soon(thread.matches(password, hashes, applicant), () => "an answer of the thread", 20_000);
}

Deno.test("BcryptThread compares off this thread, in turn, and not without bound", async () => {
  using thread = new BcryptThread();
  const hash = bcrypt.hashSync("secret", 4);
  assert.deepEqual(
    await Promise.all([matches(thread, "secret", [hash]), matches(thread, "Secret", [hash])]),
    [true, false],
  );
  const results = await Promise.allSettled(
    Array.from({ length: 40 }, () => matches(thread, "secret", [hash])),
  );
  const refused = results.filter(({ status }) => status === "rejected");
  assert.equal(refused.length, 40 - 16);
  assert.equal(await matches(thread, "secret", [hash]), true);
  const other = bcrypt.hashSync("other", 4);
  assert.equal(await matches(thread, "secret", [other, hash]), false, "only the first one counts");
});

/** What becomes of logins that come at once, in the order in which they are decided. */
async function outcomes(
  thread: BcryptThread,
  applicants: readonly Applicant[],
): Promise<{ decided: number[]; refused: number[] }> {
  const [decided, refused]: number[][] = [[], []];
  const hash = bcrypt.hashSync("secret", 4);
  await Promise.all(
    applicants.map((applicant, index) =>
      matches(thread, "secret", [hash], applicant)
        .then(() => decided?.push(index), () => refused?.push(index))
    ),
  );
  return { decided: decided ?? [], refused: refused ?? [] };
}

Deno.test("BcryptThread serves those first whom it knows, and keeps half of its places for them", async () => {
  using thread = new BcryptThread();
  const stranger = (host: number) => ({ isKnown: false, network: `10.0.${host}.0/24` });
  const known = { isKnown: true, network: "10.0.0.0/24" };
  const crowd = Array.from({ length: 20 }, (_, host) => stranger(host));
  const { decided, refused } = await outcomes(thread, [
    ...crowd,
    ...Array.from({ length: 9 }, () => known),
  ]);
  // The first one was begun before the others came.
  assert.deepEqual(decided, [0, 20, 21, 22, 23, 24, 25, 26, 27, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(refused, [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 28]);
});

Deno.test("BcryptThread gives a stranger from elsewhere the last place of a network that has more", async () => {
  using thread = new BcryptThread();
  const from = (network: string, count: number): Applicant[] =>
    Array.from({ length: count }, () => ({ isKnown: false, network }));
  const { decided, refused } = await outcomes(thread, [
    ...from("10.0.1.0/24", 10),
    ...from("10.0.2.0/24", 10),
    ...from("10.0.3.0/24", 1),
  ]);
  assert.deepEqual(decided, [0, 1, 2, 10, 11, 12, 13, 20]);
  // They learn of it when they lose their place, or get none.
  assert.deepEqual(
    refused.toSorted((a, b) => a - b),
    [3, 4, 5, 6, 7, 8, 9, 14, 15, 16, 17, 18, 19],
  );
});

Deno.test("BcryptThread takes its time over the other hashes when the password is wrong", async () => {
  using thread = new BcryptThread();
  // A comparison with this hash fails, which shows that it was made.
  const hashes = [bcrypt.hashSync("secret", 4), "x".repeat(60)];
  assert.equal(await matches(thread, "secret", hashes), true);
  await assert.rejects(matches(thread, "wrong", hashes), /The password thread has failed/);
  // The next one has another thread.
  assert.equal(await matches(thread, "secret", hashes), true);
});

Deno.test("BcryptThread ends what waits when it is disposed of", async () => {
  const thread = new BcryptThread();
  const waiting = matches(thread, "secret", [bcrypt.hashSync("secret", 4)]);
  thread[Symbol.dispose]();
  await assert.rejects(waiting, /shutting down/);
});
