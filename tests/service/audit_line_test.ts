import { readAuditRecord } from "../../lib/job/audit_record.ts";
import type { AuditEntry } from "../../lib/service/audit.ts";
import { auditLine, refusalLine } from "../../lib/service/audit_line.ts";
import { maskFor } from "../../lib/text/mask_secrets.ts";
import { assert } from "../assert.ts";
import { ADMIN } from "./fixture.ts";

/** What a line shows of a command. */
function shown(name: string, args: string[] = []): { argv: string[]; argvTruncated?: number } {
  const { argv, argvTruncated } = JSON.parse(auditLine(entryOf(name, args)));
  return argvTruncated === undefined ? { argv } : { argv, argvTruncated };
}

function entryOf(
  name: string,
  args: string[],
  decision: AuditEntry["decision"] = "allowed",
): AuditEntry {
  return {
    caller: ADMIN.caller,
    method: "startJob",
    jobId: "",
    command: { name, args },
    decision,
    result: decision === "denied" ? "permission_denied" : "failed_precondition",
  };
}

Deno.test("auditLine() says which hub has brought a call, if one has", () => {
  const entry = entryOf("true", []);
  const brought = { ...entry, caller: { ...entry.caller, via: "hub-1" } };
  assert.equal(readAuditRecord(auditLine(brought))?.via, "hub-1");
  assert.equal(readAuditRecord(auditLine(entry))?.via, "");
  assert.doesNotMatch(auditLine(entry), /via/);
});

Deno.test("auditLine() shows an ordinary command whole", () => {
  assert.deepEqual(shown("true"), { argv: ["true"] });
  assert.deepEqual(shown("sh", ["-c", "", "\0ü"]), { argv: ["sh", "-c", "", "\0ü"] });
  const long = "x".repeat(8000);
  assert.deepEqual(shown("sh", [long, ""]), { argv: ["sh", long, ""] });
});

Deno.test("auditLine() shows the beginning of a long command, and how much is left out", () => {
  const one = shown("sh", ["-c", "x".repeat(4_000_000)]);
  assert.deepEqual(one.argv.slice(0, 2), ["sh", "-c"]);
  assert.match(one.argv[2] ?? "", /^x{1000,}$/);
  assert.equal(one.argvTruncated, 4_000_000 - (one.argv[2]?.length ?? 0));

  const many = shown("sh", Array<string>(1_000_000).fill("ab"));
  assert.equal(many.argvTruncated, 2 * (1_000_001 - many.argv.length));
  // That they are missing shows, although no character is.
  const empty = shown("sh", Array<string>(1_000_000).fill(""));
  assert.equal(empty.argvTruncated, 0);
});

Deno.test("auditLine() is short whatever the command", () => {
  const commands = {
    "one that is long": ["x".repeat(4_000_000)],
    "what JSON escapes": ["\0".repeat(4_000_000)],
    "half of pairs": ["\ud800".repeat(4_000_000)],
    "many that are empty": Array<string>(1_000_000).fill(""),
    "one after all the room": ["x".repeat(8000), "\0".repeat(4_000_000)],
    "one at the very end of the room": ["x".repeat(8192 - 15), "y", "z"],
  };
  for (const [what, args] of Object.entries(commands)) {
    const { length } = auditLine(entryOf("sh", args));
    assert.ok(length < 8192 + 300, `${what}: ${length} characters`);
    const denied = auditLine(entryOf("sh", args, "denied"));
    assert.ok(denied.length < 512 + 300, `${what}: ${denied.length} characters`);
    assert.ok(JSON.parse(denied).argv[0] === "sh" && "argvTruncated" in JSON.parse(denied));
  }
});

Deno.test("refusalLine() says who was turned away, and no more than there is to say", () => {
  const line = refusalLine({
    method: "login",
    peer: "192.0.2.1:4711",
    user: "a\nb",
    fingerprint: "",
    why: "Unknown user or wrong password",
    unreported: 7,
  });
  assert.equal(line.indexOf("\n"), line.length - 1);
  const { time, ...rest } = JSON.parse(line);
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.deepEqual(rest, {
    user: "a\nb",
    peer: "192.0.2.1:4711",
    method: "login",
    decision: "denied",
    result: "unauthenticated",
    why: "Unknown user or wrong password",
    unreported: 7,
  });
});

Deno.test("auditLine() masks arguments before it cuts them, so that no end of a secret is shown", () => {
  const mask = maskFor(["*token"]);
  const argvOf = (args: string[]) => {
    const { argv, argvTruncated } = JSON.parse(auditLine(entryOf("x-token", args), mask));
    return [argv, argvTruncated];
  };
  const secret = "s".repeat(8_190);
  assert.deepEqual(argvOf(["--token", secret, `--token=${secret}`, "-v"]), [
    ["x-token", "--token", "***", "--token=***", "-v"],
    undefined,
  ]);
  const huge = "s".repeat(1_000_000);
  const [argv, argvTruncated] = argvOf([`a=b token="${huge}`, `--token=${huge}`]);
  assert.deepEqual(argv, ["x-token", "a=b token=***"]);
  assert.ok(argvTruncated > 1_900_000 && argvTruncated <= 2_000_020, `${argvTruncated}`);
});
