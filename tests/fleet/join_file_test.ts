import {
  checkJoinFile,
  joinDatesFault,
  type JoinFile,
  joinFileText,
  readJoinFile,
} from "../../lib/fleet/join_file.ts";
import { assert } from "../assert.ts";
import { datedJoinFile, expired } from "./dated.ts";
import { TestHub } from "./test_hub.ts";

const YEAR_MS = 366 * 86_400_000;

/** Why a host cannot join by a file; `null` if it can. */
function fault(file: JoinFile): string | null {
  try {
    checkJoinFile("x.join", file);
    return null;
  } catch (error) {
    assert.ok(error instanceof Error);
    assert.match(error.message, /^Cannot use "x\.join": /);
    return error.message.slice('Cannot use "x.join": '.length);
  }
}

Deno.test("checkJoinFile() takes what the hub has made, and nothing that is put together from parts", async () => {
  await using hub = await TestHub.make();
  await using strangers = await TestHub.make();
  const good = await hub.add("web-1");
  const other = await hub.add("web-2");
  const strange = await strangers.add("web-1");
  assert.equal(fault(good), null);
  const cases: [Partial<JoinFile>, string | RegExp][] = [
    [{ ca: strange.ca }, "tls.cert is not signed by ca"],
    [{ ca: good.tls.cert }, "ca is not a CA certificate"],
    [{ ca: "" }, "ca is not a PEM certificate"],
    [{ tls: other.tls }, 'tls.cert is not for the host "web-1" of the fleet "main"'],
    [{ tls: { ...good.tls, key: other.tls.key } }, "tls.key is not the key of tls.cert"],
    [{ tls: { ...good.tls, key: "secret" } }, "tls.key is not a PEM private key"],
    [{ tls: good.sign }, 'tls.cert is not for the host "web-1" of the fleet "main"'],
    [{ tls: strange.tls }, "tls.cert is not signed by ca"],
    [{ sign: other.sign }, 'sign.cert is not for the host "web-1" of the fleet "main"'],
    [{ sign: { ...good.sign, key: other.sign.key } }, "sign.key is not the key of sign.cert"],
    [{ sign: good.tls }, /^sign\.cert /],
    [{ sign: strange.sign }, /^sign\.cert is not signed by a CA that is trusted here/],
    [{ sealKey: good.tls.key }, "sealKey is not an X25519 key"],
    [{ sealKey: "secret" }, "sealKey is not a PEM private key"],
    [{ host: "web-2" }, 'tls.cert is not for the host "web-2" of the fleet "main"'],
    [{ fleet: "other" }, 'tls.cert is not for the host "web-1" of the fleet "other"'],
  ];
  for (const [part, expected] of cases) {
    const found = fault({ ...good, ...part });
    if (typeof expected === "string") assert.equal(found, expected);
    else assert.match(String(found), expected);
  }
});

Deno.test("joinDatesFault() names the certificate of a file that is not valid at a time", async () => {
  await using hub = await TestHub.make();
  const good = await hub.add("web-1");
  const old = await datedJoinFile(hub, "web-1", expired());
  const now = Date.now();
  assert.equal(joinDatesFault(good, now), null);
  assert.match(String(joinDatesFault(good, now + YEAR_MS)), /^tls\.cert expired on 20\d\d-/);
  assert.match(
    String(joinDatesFault(good, now - YEAR_MS)),
    /^tls\.cert is not valid before 20.*: check the clock$/,
  );
  assert.match(String(joinDatesFault(old, now)), /^tls\.cert expired on 20/);
  assert.match(
    String(joinDatesFault({ ...good, sign: old.sign }, now)),
    /^sign\.cert expired on 20/,
  );
  // That they are over does not make them those of somebody else.
  assert.equal(fault(old), null);
});

Deno.test("readJoinFile() names what is wrong with a file, and none of its secrets", async () => {
  await using hub = await TestHub.make();
  const good = await hub.add("web-1");
  const path = hub.joinPath("web-1");
  const text = joinFileText(good);
  const faultOf = async (text: string, mode = 0o600): Promise<string> => {
    await Deno.writeTextFile(path, text);
    await Deno.chmod(path, mode);
    try {
      await readJoinFile(path);
    } catch (error) {
      assert.ok(error instanceof Error);
      assert.doesNotMatch(`${error.message}${error.cause}`, /PRIVATE KEY|MIG|MC4/);
      return error.message.replace(`Cannot use "${path}": `, "");
    }
    return assert.fail(`It was accepted: ${text}`);
  };
  const changed = (part: Record<string, unknown>) =>
    JSON.stringify({ ...JSON.parse(text), ...part });
  assert.equal(await faultOf(text.slice(0, -20)), "it is not JSON, or not all of it is here");
  assert.equal(await faultOf(""), "it is not JSON, or not all of it is here");
  assert.equal(await faultOf("[]"), "Invalid content: must be an object");
  assert.equal(await faultOf(changed({ version: 2 })), "Invalid version 2: must be 1");
  assert.equal(
    await faultOf(changed({ host: "Web" })),
    'Invalid host "Web": must be 1 to 63 of a-z, 0-9 and -',
  );
  assert.match(
    await faultOf(changed({ fleet: "f".repeat(33) })),
    /^Invalid fleet "f+": must be 1 to 32/,
  );
  assert.match(
    await faultOf(changed({ nats: ["hub"] })),
    /^Invalid nats\.0 "hub": must be host:port/,
  );
  assert.match(await faultOf(changed({ nats: ["hub:0"] })), /must be host:port/);
  assert.match(await faultOf(changed({ nats: [] })), /^Invalid nats: must have at least 1/);
  assert.match(await faultOf(changed({ tls: { cert: good.tls.cert } })), /^Missing tls\.key: /);
  assert.match(await faultOf(changed({ extra: 1 })), /has no field "extra"/);
  assert.match(
    await faultOf(text, 0o640),
    /others than its owner may read its keys; run `chmod 600 /,
  );
  assert.match(await faultOf(text, 0o602), /others than its owner may change it/);
  await Deno.remove(path);
  await assert.rejects(readJoinFile(path), {
    code: "failed_precondition",
    message: /no such file/i,
  });
});
