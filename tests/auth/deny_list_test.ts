import {
  addToDenyList,
  denyListOf,
  isDenied,
  loadDenyList,
  loadDenyListOf,
} from "../../lib/auth/deny_list.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { assert } from "../assert.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const FINGERPRINT = "0a".repeat(32);

Deno.test("denyListOf() takes serial numbers and fingerprints as openssl prints them", () => {
  const list = denyListOf([" 0AFB1C ", FINGERPRINT.toUpperCase().replace(/..(?=.)/g, "$&:")]);
  assert.equal(isDenied(list, "afb1c", ""), true);
  assert.equal(isDenied(list, "000afb1c", ""), true);
  assert.equal(isDenied(list, "1", FINGERPRINT), true);
  assert.equal(isDenied(list, "afb1", FINGERPRINT.replace("0", "1")), false);
});

Deno.test("denyListOf() refuses what is neither", () => {
  for (const entry of ["", "0x12", "bob", "a".repeat(41), `${FINGERPRINT}a`, "-1"]) {
    assert.throws(
      () => denyListOf([entry]),
      (error) => error instanceof JobWorkerError && error.code === "invalid_argument",
      entry,
    );
  }
});

Deno.test("loadDenyList() reads an entry a line, and comments", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/denied`;
  await Deno.writeTextFile(path, `# Lost:\n0AFB1C  # a laptop\r\n\n ${FINGERPRINT}`);
  await Deno.chmod(path, 0o600);
  assert.deepEqual([...await loadDenyList(path)], ["afb1c", FINGERPRINT]);
});

Deno.test("loadDenyList() refuses a file that is missing, damaged, or writable by others", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/denied`;
  await assert.rejects(loadDenyList(path), { code: "failed_precondition", message: /Cannot use/ });
  await Deno.writeTextFile(path, "bob\n");
  await Deno.chmod(path, 0o600);
  await assert.rejects(loadDenyList(path), {
    code: "failed_precondition",
    message: /^Cannot use the deny list ".*denied": .*"bob"/,
  });
  await Deno.chmod(path, 0o666);
  await assert.rejects(loadDenyList(path), { code: "failed_precondition", message: /chmod go-w/ });
});

Deno.test("A deny list beside the CA may be missing, but may not be a dangling link", async () => {
  await using directory = await temporaryDirectory();
  const options = { denyList: "", ca: `${directory.path}/ca-cert.pem` };
  assert.equal((await loadDenyListOf(options)).size, 0);
  const path = `${directory.path}/deny-list.txt`;
  await Deno.symlink("nowhere", path);
  const refused = { code: "failed_precondition", message: /leads nowhere/ } as const;
  await assert.rejects(loadDenyListOf(options), refused);
  await assert.rejects(addToDenyList(path, ["afb1c"], "bob"), refused);
});
