import { assert } from "../assert.ts";
import { ERROR_CODES, type ErrorCode, JobWorkerError } from "../../lib/errors.ts";
import { Metadata, type ServiceError, type StatusObject } from "../../lib/grpc/grpc.ts";
import { errorFromStatus, statusFromError } from "../../lib/grpc/status.ts";

const noFault = (error: unknown) => assert.fail(`Unexpected fault: ${error}`);
const received = (status: StatusObject): ServiceError => Object.assign(new Error(), status);

Deno.test("statusFromError() and errorFromStatus() carry every code, with message and reason", () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    // Whoever has cancelled a call is not told by a status.
    if (code === "cancelled") continue;
    const error = new JobWorkerError(code, `Because of ${code}`, {
      reason: "ENOENT",
      field: "a.b",
    });
    const status = statusFromError(error, noFault);
    assert.equal(status.code, ERROR_CODES[code].grpc);
    const { code: again, message, reason, field } = errorFromStatus(received(status));
    const expected = [code, `Because of ${code}`, "ENOENT", "a.b"];
    assert.deepEqual([again, message, reason, field], expected);
  }
});

Deno.test("statusFromError() tells a caller nothing of a fault, and the daemon everything", () => {
  for (const fault of [new TypeError("A secret"), "secret", undefined, null]) {
    const faults: unknown[] = [];
    const { code, details } = statusFromError(fault, (error) => faults.push(error));
    assert.equal(code, 13);
    assert.equal(details, "Internal error of the daemon, see its diagnostics");
    assert.deepEqual(faults, [fault]);
  }
});

Deno.test("statusFromError() makes a status that can be sent whatever the message holds", () => {
  const cut = `${"x".repeat(1999)}😀${"y".repeat(1_000_000)}`;
  for (const message of [cut, "\ud800 half a pair", "a\nb\0c"]) {
    const status = statusFromError(new JobWorkerError("not_found", message), noFault);
    assert.ok(encodeURI(status.details).length <= 20_000);
  }
  const bad = new JobWorkerError("not_found", "X", { reason: "two\nlines" });
  assert.equal(errorFromStatus(received(statusFromError(bad, noFault))).reason, undefined);
});

Deno.test("errorFromStatus() reads a code that is not ours as internal", () => {
  const status = { code: 10, details: "Aborted", metadata: new Metadata() };
  assert.equal(errorFromStatus(received(status)).code, "internal");
});

Deno.test("errorFromStatus() reads a call that was cut off as unavailable", () => {
  const metadata = new Metadata();
  for (
    const [code, details] of [
      [1, "Call cancelled"],
      [13, "Received RST_STREAM with code 0 (Call ended without gRPC status)"],
      [13, "Received RST_STREAM with code 2 triggered by internal client error: read ECONNRESET"],
      [14, "Connection dropped"],
    ] as const
  ) {
    const error = errorFromStatus(received({ code, details, metadata }));
    assert.deepEqual([error.code, error.message], ["unavailable", details]);
  }
});
