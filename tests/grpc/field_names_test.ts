import protobuf from "protobufjs";
import { JobWorkerError } from "../../lib/errors.ts";
import { protoField, protoFieldOf } from "../../lib/grpc/field_names.ts";
import { parseProtos, PROTOS } from "../../lib/grpc/gen/proto_texts.ts";
import { Metadata } from "../../lib/grpc/grpc.ts";
import { errorFromStatus, statusFromError } from "../../lib/grpc/status.ts";
import { NO_COMMAND } from "../../lib/grpc/wire_values.ts";
import { JOB_METHODS, type JobMethod } from "../../lib/service/methods.ts";
import { checkRequest, requestFields } from "../../lib/service/requests.ts";
import { checkCommand } from "../../lib/job/command.ts";
import { checkGracePeriod, completeExecution } from "../../lib/job/execution.ts";
import { checkLabels } from "../../lib/job/labels.ts";
import { checkMaxTimeout } from "../../lib/worker/start_request.ts";
import { checkLogLimit } from "../../lib/job/log_limit.ts";
import { parseSignal } from "../../lib/job/parse_signal.ts";
import { assert } from "../assert.ts";

const root = parseProtos(Object.values(PROTOS), { keepCase: true });

/** Whether a message has a field, `filter.owner` for one. */
function hasField(type: protobuf.Type, path: string): boolean {
  const [name = "", ...rest] = path.split(".");
  const field = type.fields[name];
  if (field === undefined) return false;
  if (rest.length === 0) return true;
  const inner = field.resolvedType;
  return inner instanceof protobuf.Type && hasField(inner, rest.join("."));
}

/** The request of a method. */
function typeOf(method: JobMethod): protobuf.Type {
  const name = method.charAt(0).toUpperCase() + method.slice(1);
  return root.lookupType(`jobworker.v1.${name}Request`);
}

for (const method of JOB_METHODS) {
  Deno.test(`${method} names the fields of its request in gRPC as the proto does`, () => {
    const type = typeOf(method);
    const fields = requestFields(method).filter((field) => field !== "start.kind");
    assert.ok(fields.length > 0);
    for (const field of fields) {
      assert.ok(hasField(type, protoField(field)), `${field}: ${protoField(field)}`);
    }
  });
}

Deno.test("protoField() leaves the names of labels and variables alone", () => {
  assert.equal(protoField("command.env.fooBarMs"), "command.env.fooBarMs");
  assert.equal(protoField("filter.labels"), "filter.labels");
  assert.equal(protoField("filter.labels.aB"), "filter.labels.aB");
  assert.equal(protoField("execution.limits.memoryBytes"), "execution.limits.memory_bytes");
  assert.equal(protoField("streams.0"), "streams.0");
});

/** What a client of gRPC is told of a request. */
function toldOf(method: JobMethod, request: unknown): string {
  try {
    checkRequest(method, request);
  } catch (error) {
    assert.ok(error instanceof JobWorkerError);
    return String(statusFromError(error, assert.ifError).details);
  }
  return assert.fail("It was accepted");
}

Deno.test("A gRPC client is told what is wrong in the words of the proto, but not all that it has sent", () => {
  const most = `must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`;
  const prune = { dryRun: false, owner: "" };
  assert.equal(toldOf("pruneJobs", { ...prune, maxAgeMs: -1 }), `Invalid max_age -1: ${most}`);
  assert.equal(toldOf("pruneJobs", { ...prune, maxCount: -1 }), `Invalid max_count -1: ${most}`);
  assert.equal(
    toldOf("pruneJobs", prune),
    "Invalid request: must say what to keep, by age, count or bytes",
  );
  assert.equal(toldOf("getJob", {}), "Missing job_id: must be a string");
});

/** What the worker itself refuses, by the field that it is about. */
const REFUSED: Readonly<Record<string, readonly [JobMethod, () => void]>> = {
  "execution.user": ["startJob", () => completeExecution({ user: "a b" })],
  "execution.umask": ["startJob", () => completeExecution({ umask: "9" })],
  "execution.nice": ["startJob", () => completeExecution({ nice: 20 })],
  "execution.timeout": ["startJob", () => completeExecution({ timeoutMs: -1 })],
  "execution.grace_period": ["startJob", () => completeExecution({ gracePeriodMs: -1 })],
  "execution.limits.memory_bytes": [
    "startJob",
    () => completeExecution({ limits: { memoryBytes: 1 } }),
  ],
  "execution.limits.cpus": ["startJob", () => completeExecution({ limits: { cpus: 0 } })],
  "execution.limits.processes": ["startJob", () => completeExecution({ limits: { processes: 0 } })],
  "log_limit.bytes": [
    "startJob",
    () => checkLogLimit({ bytes: 1, policy: "end_job" }, Infinity),
  ],
  "labels": ["startJob", () => checkLabels({ "x y": "" })],
  "command.name": ["startJob", () => checkCommand({ ...NO_COMMAND, name: "" })],
  "command.args": ["startJob", () => checkCommand({ ...NO_COMMAND, name: "x", args: ["\0"] })],
  "command.env": ["startJob", () => checkCommand({ ...NO_COMMAND, name: "x", env: { "=": "" } })],
  "command.working_directory": [
    "startJob",
    () => checkCommand({ ...NO_COMMAND, name: "x", workingDirectory: "x" }),
  ],
  "timeout": ["updateJob", () => checkMaxTimeout(2, 1, "timeoutMs")],
  "grace_period": ["stopJob", () => checkGracePeriod(-1, "gracePeriodMs")],
  "stop_signal": ["stopJob", () => parseSignal("x", "stopSignal")],
  "signal": ["signalJob", () => parseSignal("x")],
};

Deno.test("A client is told which field the worker has refused", () => {
  for (const [field, [method, refuse]] of Object.entries(REFUSED)) {
    const { details, metadata = new Metadata() } = statusFromError(
      thrownBy(refuse),
      assert.ifError,
    );
    const status = Object.assign(new Error(), { code: 3, details: String(details), metadata });
    const error = errorFromStatus(status);
    assert.equal(error.field, field);
    assert.ok(hasField(typeOf(method), field), field);
  }
});

Deno.test("The field of an error is that of the proto, whatever a label is called", () => {
  assert.equal(protoFieldOf("filter.labels.ä.Ms"), "filter.labels");
  assert.equal(protoFieldOf("streams.0"), "streams");
  assert.equal(protoFieldOf("start.time"), "since");
});

function thrownBy(act: () => void): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return assert.fail("It was accepted");
}

/** A value of each type that JSON has. */
const VALUES = [undefined, null, true, 1.5, "\n", [], {}, [[]], { "\n": [] }];

Deno.test("Whatever is wrong in a request, the error is not in the words of a library", () => {
  for (const method of JOB_METHODS) {
    for (const field of ["", ...requestFields(method)]) {
      for (const value of VALUES) {
        // All fields but one are missing, and that one is of some type.
        const request = field.split(".").filter(Boolean)
          .reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
        try {
          checkRequest(method, request);
        } catch (error) {
          assert.ok(error instanceof JobWorkerError, String(error));
          assert.match(
            error.message,
            /^(Invalid|Missing) [^:]+: (the name .* )?(must|has no field) [^<>{}]+$/,
          );
          assert.doesNotMatch(error.message, /Invalid input|expected|received|undefined|NaN/);
          if (error.field !== undefined) assert.ok(error.message.includes(` ${error.field}`));
        }
      }
    }
  }
});
