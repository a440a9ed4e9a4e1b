import { fc } from "../random.ts";
import { Buffer } from "node:buffer";
import type { LogRecord } from "../../lib/cli/job_client.ts";
import { jsonForm, type LogForm, rawForm, timestampedForm } from "../../lib/cli/log_form.ts";
import { assert } from "../assert.ts";
import { recordsOf } from "./fake_daemon.ts";

function print(form: LogForm, records: readonly LogRecord[]): string {
  return new TextDecoder().decode(Buffer.concat(records.map(form)));
}

Deno.test("timestampedForm() gives a line the time of its first byte, per stream", () => {
  const records = recordsOf(
    ["stdout", "one\ntw"],
    ["stderr", "oops"],
    ["stdout", "o\n\n"],
    ["stderr", "!\n"],
    ["stdout", "three"],
  );
  const time = (ms: number) => `2026-07-31T09:30:00.00${ms}Z`;
  assert.equal(
    print(timestampedForm(), records),
    `${time(0)} one\n${time(0)} tw` + `${time(1)} oops` + `o\n${time(2)} \n` + `!\n` +
      `${time(4)} three`,
  );
});

Deno.test("timestampedForm() adds times and changes no byte, however records split lines", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (chunks) => {
    const whole = Buffer.concat(chunks);
    const split = Buffer.concat(
      recordsOf(...chunks.map((chunk) => ["stdout", [...chunk]] as const))
        .map((record) => ({ ...record, time: 0 })).map(timestampedForm()),
    );
    const [record] = recordsOf(["stdout", [...whole]]);
    assert.ok(record !== undefined);
    assert.deepEqual(split, timestampedForm()({ ...record, time: 0 }));
  }));
});

Deno.test("rawForm() passes bytes on as they are", () => {
  const [record] = recordsOf(["stdout", [0, 0xff, 0x1b, 0x0a]]);
  assert.ok(record !== undefined);
  assert.equal(rawForm()(record), record.data);
});

Deno.test("jsonForm() has the bytes in base64, and text only where they are UTF-8", () => {
  const records = recordsOf(["stdout", "\ufeffgrü\n"], ["stderr", [0xff, 0x00]], ["stdout", [
    0xe2,
  ]]);
  const lines = print(jsonForm(), records).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines, [
    {
      offset: 0,
      time: "2026-07-31T09:30:00.000Z",
      stream: "stdout",
      data: "77u/Z3LDvAo=",
      text: "\ufeffgrü\n",
    },
    { offset: 8, time: "2026-07-31T09:30:00.001Z", stream: "stderr", data: "/wA=" },
    { offset: 10, time: "2026-07-31T09:30:00.002Z", stream: "stdout", data: "4g==" },
  ]);
});
