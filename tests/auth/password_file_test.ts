import bcrypt from "bcryptjs";
import { join } from "node:path";
import { loadPasswordFile, parsePasswordFile } from "../../lib/auth/password_file.ts";
import { setPassword } from "../../lib/auth/password_file_edit.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";

/** The hash of "secret", as `htpasswd -B` writes it. */
const HASH = `$2y$05$${bcrypt.hashSync("secret", 5).slice(7)}`;

/** A temporary directory, and the path of a file in it. */
async function temporary(): Promise<AsyncDisposable & { path: string }> {
  const directory = await Deno.makeTempDir({ prefix: "job-worker-users-" });
  return {
    path: join(directory, "users"),
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

function refusal(words: RegExp, code = "failed_precondition"): (error: unknown) => boolean {
  return (error) =>
    error instanceof JobWorkerError && error.code === code && words.test(error.message);
}

Deno.test("parsePasswordFile() reads what htpasswd writes, and roles in a third field", () => {
  const text = [
    "# comment",
    "",
    `alice:${HASH}:admin`,
    `bob:${HASH.replace("2y", "2a")}:viewer,operator`,
    `carol:${HASH.replace("2y", "2b")}`,
    `jörg@example.org:${HASH}:\r`,
    "",
  ].join("\n");
  const roles = Array.from(parsePasswordFile(text, "users").values(), ({ user, roles }) => [
    user,
    roles,
  ]);
  assert.deepEqual(roles, [
    ["alice", ["admin"]],
    ["bob", ["operator", "viewer"]],
    ["carol", []],
    ["jörg@example.org", []],
  ]);
});

Deno.test("parsePasswordFile() refuses other lines, by their number and without the hash", () => {
  const wrong: [string, RegExp][] = [
    ["alice", /hashed with bcrypt/],
    ["alice:", /hashed with bcrypt/],
    ["alice:secret", /htpasswd -B/],
    ["alice:$apr1$abc$0123456789012345678901", /hashed with bcrypt/],
    ["alice:{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=", /hashed with bcrypt/],
    [`alice:${HASH.replace("2y", "2x")}`, /hashed with bcrypt/],
    [`alice:${HASH.slice(0, -1)}`, /hashed with bcrypt/],
    [`alice:${HASH.replace("$05$", "$31$")}`, /a cost of 4 to 15/],
    [`alice:${HASH}:root`, /no role "root": use admin, operator, viewer/],
    [`alice:${HASH}:Admin`, /no role "Admin"/],
    [`alice:${HASH}:admin:x`, /name:hash:roles/],
    [`:${HASH}`, /name:hash:roles/],
    [`a b:${HASH}`, /name:hash:roles/],
    [`a\u202eb:${HASH}`, /name:hash:roles/],
    [`${"a".repeat(65)}:${HASH}`, /name:hash:roles/],
    [`bob:${HASH}`, /there already is a user "bob"/],
  ];
  for (const [line, words] of wrong) {
    assert.throws(
      () => parsePasswordFile(`bob:${HASH}\n\n${line}\n`, "users"),
      (error) =>
        refusal(words)(error) && refusal(/^Cannot use line 3 of the users file "users"/)(error) &&
        !refusal(/secret|\$apr1|\{SHA\}|\$2/)(error),
      line,
    );
  }
});

Deno.test("loadPasswordFile() finds no file, and refuses one that others may change", async () => {
  await using file = await temporary();
  assert.equal(await loadPasswordFile(file.path), null);
  await Deno.writeTextFile(file.path, `alice:${HASH}:admin\n`, { mode: 0o644 });
  assert.equal((await loadPasswordFile(file.path))?.size, 1);
  await Deno.chmod(file.path, 0o664);
  await assert.rejects(loadPasswordFile(file.path), refusal(/chmod go-w/));
  await assert.rejects(loadPasswordFile("/"), refusal(/Cannot use the users file/));
});

Deno.test("setPassword() makes the file, adds users, and changes one line only", async () => {
  await using file = await temporary();
  const { path } = file;
  assert.equal(
    await setPassword(path, "alice", { password: "first pass", roles: ["admin"] }),
    true,
  );
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  const kept = `# ours\r\nbob:${HASH}:viewer\n`;
  await Deno.writeTextFile(path, kept + await Deno.readTextFile(path));
  const changed = { password: "another one", roles: ["operator", "viewer"] as const };
  assert.equal(await setPassword(path, "alice", changed), false);

  const text = await Deno.readTextFile(path);
  assert.ok(text.startsWith(`# ours\nbob:${HASH}:viewer\nalice:$2b$12$`), text);
  assert.ok(text.endsWith(":operator,viewer\n"));
  const hash = (await loadPasswordFile(path))?.get("alice")?.hash ?? "";
  assert.equal(await bcrypt.compare("another one", hash), true);
  const names = await Array.fromAsync(Deno.readDir(join(path, "..")), ({ name }) => name);
  assert.deepEqual(names, ["users"]);
});

Deno.test("setPassword() refuses bad names and passwords, and leaves a damaged file alone", async () => {
  await using file = await temporary();
  const { path } = file;
  const set = (user: string, password: string) => setPassword(path, user, { password, roles: [] });
  for (const user of ["", "a b", "a:b", "#a", "a\nb"]) {
    await assert.rejects(set(user, "long enough"), refusal(/as a user name/, "invalid_argument"));
  }
  for (const password of ["", "short", "7 chars", "ü".repeat(37), "x".repeat(73)]) {
    await assert.rejects(
      set("alice", password),
      (error) =>
        refusal(/at least 8.*72 bytes/, "invalid_argument")(error) &&
        !(password !== "" && refusal(new RegExp(password), "invalid_argument")(error)),
    );
  }
  // The shortest, and the longest of which bcrypt reads every byte.
  for (const password of ["8 chars!", "ü".repeat(36), "x".repeat(72)]) await set("alice", password);
  await Deno.writeTextFile(path, "not a line\n");
  await assert.rejects(set("alice", "long enough"), refusal(/line 1/));
  assert.equal(await Deno.readTextFile(path), "not a line\n");
  await assert.rejects(
    setPassword(`${path}/x/y`, "alice", { password: "long enough", roles: [] }),
    refusal(/Cannot change the users file/),
  );
});
