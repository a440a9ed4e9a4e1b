import type { AuditRecord, JobClient } from "../../lib/cli/job_client.ts";
import { auditJson } from "../../lib/job/audit_record.ts";
import { main } from "../../lib/cli/main.ts";
import { assert } from "../assert.ts";
import { WHOLE_RECORD } from "../service/samples.ts";
import { FakeIo } from "./fake_daemon.ts";

const NOTHING: AuditRecord = {
  ...{ time: 0, user: "", roles: [], fingerprint: "", peer: "", method: "", jobId: "", argv: [] },
  ...{ runAs: "", notify: "", via: "", decision: "", result: "", why: "", unreported: 0, lost: 0 },
};

/** What `audit` prints of lines, one batch each. */
async function printed(records: readonly AuditRecord[], ...options: string[]): Promise<string> {
  const streamAudit: JobClient["streamAudit"] = async function* () {
    yield await Promise.resolve({ records: [], position: "" });
    for (const record of records) yield { records: [record], position: "x" };
  };
  const io = new FakeIo({ streamAudit });
  assert.equal(await main(["audit", ...options], io), 0);
  assert.equal(io.stderr.text, "");
  return io.stdout.text;
}

Deno.test("audit prints one line each, in which nothing can be hidden", async () => {
  const { damaged: _damaged, lost: _lost, argvTruncated: _none, ...whole } = WHOLE_RECORD;
  const lines = await printed([
    { ...whole, lost: 0 },
    { ...NOTHING, method: "login", user: "a\tb\x1b[2J", decision: "denied", why: "No\n" },
    { ...NOTHING, argv: ["rm", "-rf", "a b"], argvTruncated: 7 },
    { ...NOTHING, lost: 3 },
    { ...NOTHING, damaged: { from: 5, to: 8 } },
  ]);
  const epoch = "1970-01-01T00:00:00.000Z";
  const { fingerprint: _print, jobId, peer } = WHOLE_RECORD;
  assert.deepEqual(lines.split("\n"), [
    [
      "2023-11-14T22:13:20.006Z",
      ...["alice", "denied", "permission_denied", "startJob", jobId, peer],
      "sh -c '' (as svc-alice) (tells https://hooks.example/***) (by way of hub-1) because (and 34 more like this)",
    ].join("\t"),
    `${epoch}\ta\\x09b\\x1b[2J\tdenied\t-\tlogin\t-\t-\tNo\\x0a`,
    `${epoch}\t-\t-\t-\t-\t-\t-\trm -rf 'a b' (7 characters more)`,
    `${epoch}\t-\t-\t-\t-\t-\t-\t3 lines were lost while the disk took none`,
    `${epoch}\t-\t-\t-\t-\t-\t-\tbytes 5 to 8 are damaged`,
    "",
  ]);
});

Deno.test("audit --json prints each line as the trail has it", async () => {
  const lines = (await printed([WHOLE_RECORD, NOTHING], "--json")).trimEnd().split("\n");
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [
    auditJson(WHOLE_RECORD),
    { time: "1970-01-01T00:00:00.000Z" },
  ]);
});

Deno.test("audit says what is missing, with --json among the lines", async () => {
  const streamAudit: JobClient["streamAudit"] = async function* () {
    yield await Promise.resolve({ records: [NOTHING], position: "x", gap: { from: 0, to: 1_000 } });
  };
  const [plain, json] = [new FakeIo({ streamAudit }), new FakeIo({ streamAudit })];
  assert.equal(await main(["audit", "--follow"], plain), 0);
  assert.equal(
    plain.stderr.text,
    "worker-cli: What was written between 1970-01-01T00:00:00.000Z and 1970-01-01T00:00:01.000Z is missing: " +
      "it was removed to keep the audit trail within its bounds before it could be read\n",
  );
  assert.match(plain.stdout.text, /^1970-[^\n]*\n$/);
  assert.equal(await main(["audit", "--json"], json), 0);
  assert.deepEqual(json.stdout.text.split("\n"), [
    '{"gap":{"from":"1970-01-01T00:00:00.000Z","to":"1970-01-01T00:00:01.000Z"}}',
    '{"time":"1970-01-01T00:00:00.000Z"}',
    "",
  ]);
});

Deno.test("audit prints nothing of an empty trail", async () => {
  assert.equal(await printed([]), "");
});
