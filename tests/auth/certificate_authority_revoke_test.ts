import { join } from "node:path";
import { CertificateAuthority } from "../../lib/auth/certificate_authority.ts";
import { loadDenyList } from "../../lib/auth/deny_list.ts";
import { assert } from "../assert.ts";
import { refusal, TestAuthority } from "./certificate_authority_fixture.ts";

Deno.test("CertificateAuthority.revoke() adds to the deny list, and leaves what is there", async () => {
  await using fixture = await TestAuthority.create();
  await fixture.add("alice");
  const path = join(fixture.path, "deny-list.txt");
  await Deno.writeTextFile(path, "# Lost laptops\nabcd # bob");
  await Deno.chmod(path, 0o640);
  const [revoked] = await fixture.revoke("alice");
  const text = await Deno.readTextFile(path);
  assert.match(
    text,
    new RegExp(
      `^# Lost laptops\nabcd # bob\n${revoked?.serialNumber} # alice, revoked \\d{4}-\\d\\d-\\d\\d\n$`,
    ),
  );
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o640);
  assert.deepEqual(await fixture.revoke("alice"), []);
  assert.equal(await Deno.readTextFile(path), text);
  const denied = (await fixture.issued()).filter(({ denied }) => denied);
  assert.deepEqual(denied.map(({ name }) => name), ["alice"]);
  await assert.rejects(fixture.revoke("nobody"), refusal(/fingerprint from audit\.log/));
  await assert.rejects(fixture.revoke("worker-daemon"), refusal(/no certificate for/));
});

Deno.test("CertificateAuthority.revoke() loses nothing when several run at once", async () => {
  await using fixture = await TestAuthority.create();
  const users = ["a", "b", "c", "d", "e"];
  for (const user of users) await fixture.add(user);
  await Promise.all(users.map((user) => fixture.revoke(user)));
  assert.equal((await loadDenyList(join(fixture.path, "deny-list.txt"))).size, users.length);
});

Deno.test("CertificateAuthority.revoke() writes to no list that the daemon would refuse", async () => {
  await using fixture = await TestAuthority.create();
  const path = join(fixture.path, "deny-list.txt");
  for (
    const [text, mode, words] of [["what?\n", 0o644, /Cannot deny/], ["", 0o666, /chmod/]] as const
  ) {
    await Deno.writeTextFile(path, text);
    await Deno.chmod(path, mode);
    await assert.rejects(fixture.revoke("viewer"), words);
    assert.equal(await Deno.readTextFile(path), text);
  }
  await Deno.remove(path);
  const denyList = join(fixture.path, "elsewhere.txt");
  const revoke = (authority: CertificateAuthority) => authority.revoke("viewer");
  await assert.rejects(fixture.with(revoke, { denyList }), refusal(/elsewhere\.txt.*no such file/));
  await Deno.writeTextFile(denyList, "");
  assert.equal((await fixture.with(revoke, { denyList })).length, 1);
  assert.equal((await loadDenyList(denyList)).size, 1);
});
