import { MAX_BODY_LENGTH, webhookBody, webhookRequest } from "../../lib/notify/webhook.ts";
import { assert } from "../assert.ts";
import { WHOLE_JOB } from "../service/samples.ts";
import { isSigned } from "./receiver.ts";

Deno.test("webhookRequest() signs as the specification has it", () => {
  const job = { ...WHOLE_JOB, jobId: "01890a5d-ac96-774b-bcce-b302099a8057" };
  const keys = [1, 2].map((byte) => new Uint8Array(32).fill(byte));
  const { headers, body, url } = webhookRequest(
    { job, url: "https://x/" },
    keys,
    1_700_000_000_999,
  );
  assert.equal(url, "https://x/");
  assert.equal(headers["webhook-timestamp"], "1700000000");
  assert.equal(headers["webhook-id"], `ended_${job.jobId}`);
  assert.match(headers["webhook-signature"] ?? "", /^v1,[\w+/]{43}= v1,[\w+/]{43}=$/);
  for (const key of keys) {
    assert.ok(isSigned({ path: "/", headers, body }, `whsec_${key.toBase64()}`));
  }
  const other = `whsec_${new Uint8Array(32).fill(3).toBase64()}`;
  assert.ok(!isSigned({ path: "/", headers, body }, other));
});

Deno.test("webhookBody() has the job without secrets, the same each time", () => {
  const body = webhookBody(WHOLE_JOB);
  assert.equal(webhookBody({ ...WHOLE_JOB }), body);
  const { type, timestamp, data } = JSON.parse(body);
  assert.deepEqual([type, timestamp], ["job.ended", "2023-11-14T22:13:21.999Z"]);
  assert.deepEqual(data.command, { ...WHOLE_JOB.command, env: { A: "***", B: "***" } });
  assert.deepEqual(data.notify, { url: "https://hooks.example/***", state: "delivered" });
  assert.deepEqual([data.status, data.reason], ["cancelled", "log_limit"]);
  assert.equal("commandTruncated" in data, false);
});

Deno.test("webhookBody() is bounded, whatever the command", () => {
  const long = "\u0000".repeat(MAX_BODY_LENGTH);
  const { command } = WHOLE_JOB;
  const labels = Object.fromEntries(
    Array.from({ length: 64 }, (_, at) => [`${at}`.padEnd(63, "x"), "\u{1F600}".repeat(256)]),
  );
  for (
    const large of [
      { ...command, name: long },
      { ...command, args: Array.from({ length: 10_000 }, () => "argument") },
      {
        ...command,
        env: Object.fromEntries(Array.from({ length: 9_999 }, (_, at) => [`V${at}`, ""])),
      },
    ]
  ) {
    const body = webhookBody({ ...WHOLE_JOB, command: large, labels });
    assert.ok(body.length <= MAX_BODY_LENGTH, `${body.length}`);
    const { data } = JSON.parse(body);
    assert.equal(data.commandTruncated, true);
    assert.deepEqual([data.command.args, data.command.env], [[], {}]);
    assert.ok(large.name.startsWith(data.command.name));
    assert.deepEqual(data.labels, labels);
  }
});
