import { JobWorkerError } from "../../lib/errors.ts";
import { completeExecution, type ExecutionRequest } from "../../lib/job/execution.ts";
import { assert } from "../assert.ts";

const TEN_YEARS_MS = 10 * 365 * 24 * 60 * 60 * 1000;
const MIB = 1024 * 1024;

/** For each field: the bounds of what is accepted, and what lies just outside. */
const FIELDS: Readonly<
  Record<string, { accepted: readonly ExecutionRequest[]; refused: readonly ExecutionRequest[] }>
> = {
  user: {
    accepted: ["", "ann", "_apt", "www-data", "j.doe", "a".repeat(32)].map((user) => ({ user })),
    refused: ["-x", "1000", "a b", "a:b", "../x", "a\n", "a".repeat(33), "é"]
      .map((user) => ({ user })),
  },
  umask: {
    accepted: ["", "0", "22", "027", "0777"].map((umask) => ({ umask })),
    refused: ["8", "00022", "u=rwx", "-1", "0o22", "22 "].map((umask) => ({ umask })),
  },
  nice: {
    accepted: [-20, 0, 19].map((nice) => ({ nice })),
    refused: [-21, 20, 0.5, NaN, Infinity].map((nice) => ({ nice })),
  },
  timeout: {
    accepted: [0, 1, TEN_YEARS_MS].map((timeoutMs) => ({ timeoutMs })),
    refused: [-1, 0.5, TEN_YEARS_MS + 1, NaN, Infinity].map((timeoutMs) => ({ timeoutMs })),
  },
  "grace period": {
    accepted: [0, 86_400_000].map((gracePeriodMs) => ({ gracePeriodMs })),
    refused: [-1, 0.5, 86_400_001, NaN].map((gracePeriodMs) => ({ gracePeriodMs })),
  },
  "memory limit": {
    accepted: [MIB, Number.MAX_SAFE_INTEGER].map((memoryBytes) => ({ limits: { memoryBytes } })),
    refused: [0, -1, MIB - 1, MIB + 0.5, NaN, 2 ** 53]
      .map((memoryBytes) => ({ limits: { memoryBytes } })),
  },
  "cpu limit": {
    accepted: [0.01, 0.5, 4096].map((cpus) => ({ limits: { cpus } })),
    refused: [0, -1, 0.009, 4097, NaN, Infinity].map((cpus) => ({ limits: { cpus } })),
  },
  "process limit": {
    accepted: [1, 4_194_304].map((processes) => ({ limits: { processes } })),
    refused: [0, -1, 1.5, 4_194_305, NaN].map((processes) => ({ limits: { processes } })),
  },
};

for (const [field, { accepted, refused }] of Object.entries(FIELDS)) {
  Deno.test(`completeExecution() knows which values a ${field} may have`, () => {
    const defaults = completeExecution({});
    for (const request of accepted) {
      assert.deepEqual(completeExecution(request), { ...defaults, ...request });
    }
    for (const request of refused) {
      assert.throws(
        () => completeExecution(request),
        (error: unknown) =>
          error instanceof JobWorkerError && error.code === "invalid_argument" &&
          error.message.startsWith(`Invalid ${field} `),
        Deno.inspect(request),
      );
    }
  });
}

Deno.test("completeExecution() lets a job run for ever as the daemon does, without an input", () => {
  assert.deepEqual(completeExecution({}), {
    user: "",
    umask: "",
    nice: 0,
    timeoutMs: 0,
    gracePeriodMs: 10_000,
    limits: {},
    hasInput: false,
  });
  assert.equal(completeExecution({ hasInput: true }).hasInput, true);
});
