import { ERROR_CODES, type ErrorCode, JobWorkerError } from "../../lib/errors.ts";
import { decodeFrame, encodeFrame } from "../../lib/net/frames.ts";
import {
  callerSchema,
  decodeAnswer,
  decodeMessage,
  encodeAnswer,
  END,
  errorHead,
  type Message,
} from "../../lib/engine/messages.ts";
import type { GetLogsResponse, LogBatch } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { FAILED_JOB } from "../grpc/fixture.ts";
import { asSaid } from "../service/samples.ts";
import { CALLER } from "./fixture.ts";

/** What arrives of a frame. */
function decoded(...frame: Parameters<typeof encodeFrame>): Message {
  return decodeMessage(decodeFrame(encodeFrame(...frame)));
}

function decodedValue(
  ...frame: Parameters<typeof encodeFrame>
): Extract<Message, { kind: "value" }> {
  const message = decoded(...frame);
  assert.ok(message.kind === "value");
  return message;
}

Deno.test("A batch arrives as it was, bytes and all", () => {
  const batch: LogBatch = {
    records: [
      { offset: 0, time: 1.5, stream: "stdout", data: new Uint8Array([0, 255, 128, 10]) },
      { offset: 4, time: 2, stream: "stderr", data: new Uint8Array() },
      { offset: 4, time: 3, stream: "stderr", data: new Uint8Array([7]) },
    ],
    nextOffset: 2 ** 52,
    finishedJob: FAILED_JOB,
  };
  for (const one of [batch, { ...batch, gap: { from: 0, to: 2 ** 41 } }]) {
    const { value, bytes } = decodedValue(...encodeAnswer("streamLogs", one));
    assert.deepEqual(asSaid(decodeAnswer("streamLogs", value, bytes)), one);
  }
});

Deno.test("A page of output arrives with its two streams apart", () => {
  const output: GetLogsResponse = {
    stdout: new Uint8Array([1, 2, 3]),
    stderr: new Uint8Array([255, 0]),
    nextOffset: 5,
    endOffset: 9,
    end: true,
    exitStatus: { signal: "SIGKILL" },
  };
  for (const page of [output, { ...output, gap: { from: 0, to: 2 ** 41 } }]) {
    const { value, bytes } = decodedValue(...encodeAnswer("getLogs", page));
    assert.deepEqual(decodeAnswer("getLogs", value, bytes), page);
  }
});

Deno.test("Every kind of error arrives with its code, message, reason and field", () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    for (const options of [{}, { reason: "ENOENT" }, { field: "command.name" }]) {
      const message = decoded(errorHead(new JobWorkerError(code, `Ä ${code}`, options)));
      assert.ok(message.kind === "error");
      assert.ok(message.error instanceof JobWorkerError);
      const { reason, field } = message.error;
      assert.deepEqual([message.error.code, message.error.message], [code, `Ä ${code}`]);
      const { reason: itsReason, field: itsField } = {
        reason: undefined,
        field: undefined,
        ...options,
      };
      assert.deepEqual({ reason, field }, { reason: itsReason, field: itsField });
    }
  }
});

Deno.test("An end is not taken for a value, and a head of an unknown kind is refused", () => {
  assert.deepEqual(decoded(END), { kind: "end" });
  const { value } = decodedValue(...encodeAnswer("getJob", FAILED_JOB));
  assert.deepEqual(value, FAILED_JOB);
  const bytes = new Uint8Array();
  for (
    const head of [null, 5, {}, { kind: "error" }, { kind: "error", error: { code: "toString" } }]
  ) {
    assert.throws(() => decodeMessage({ head, bytes }));
  }
});

Deno.test("The engine takes the caller that the gateway names, if it is well-formed", () => {
  assert.deepEqual(callerSchema.parse(CALLER), CALLER);
  for (
    const wrong of [
      null,
      {},
      { ...CALLER, peer: 5 },
      { ...CALLER, identity: { user: "alice", roles: ["root"] } },
      { ...CALLER, identity: { user: ["alice"], roles: [] } },
    ]
  ) assert.equal(callerSchema.safeParse(wrong).success, false);
  const caller = (length: number, roles: number) => ({
    identity: { user: "u".repeat(length), roles: Array(roles).fill("viewer") },
    fingerprint: "f".repeat(length),
    peer: "p".repeat(length),
  });
  const most = caller(128, 8);
  assert.deepEqual(callerSchema.parse(most), most);
  const more = caller(129, 9);
  for (
    const wrong of [
      { ...most, identity: { ...most.identity, user: more.identity.user } },
      { ...most, identity: { ...most.identity, roles: more.identity.roles } },
      { ...most, fingerprint: more.fingerprint },
      { ...most, peer: more.peer },
    ]
  ) assert.equal(callerSchema.safeParse(wrong).success, false);
});
