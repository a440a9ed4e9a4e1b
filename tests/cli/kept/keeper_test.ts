import { JOB_METHODS } from "../../../lib/service/methods.ts";
import { JobWorkerError } from "../../../lib/errors.ts";
import type { JobClient } from "../../../lib/cli/job_client.ts";
import { Line } from "../../../lib/cli/kept/line.ts";
import { callWhole, eachMethod, WHOLE_ANSWERS, WHOLE_REQUESTS } from "../../service/samples.ts";
import { assert } from "../../assert.ts";
import { context } from "../../engine/fixture.ts";
import type { JobService } from "../../../lib/service/job_service.ts";
import { soon } from "../../soon.ts";
import { jobOf } from "../fake_daemon.ts";
import { failureOf, HOUR_MS, TestKeeper } from "./fixture.ts";

const JOB = { jobId: "1" };
const STOP = { ...JOB, stopSignal: "", gracePeriodMs: null };

Deno.test("A keeper passes on every request and answer as it is, bytes and all", async () => {
  let asked: unknown;
  const service = eachMethod((method, request) => {
    asked = request;
    return Promise.resolve(WHOLE_ANSWERS[method]);
  });
  await using keeper = await TestKeeper.start(
    service as Partial<Record<keyof JobClient, unknown>> as Partial<JobClient>,
  );
  await using client = await keeper.client();
  for (const method of JOB_METHODS) {
    // It has all methods, also the one that `worker-cli` does not call.
    const answer = await callWhole(client as unknown as JobService, method, context());
    assert.deepEqual(answer, WHOLE_ANSWERS[method], method);
    assert.deepEqual(asked, WHOLE_REQUESTS[method], method);
  }
});

Deno.test("A keeper passes on errors with all that is known of them", async () => {
  const error = new JobWorkerError("not_found", 'There is no job "1"', {
    reason: "GONE",
    field: "job_id",
  });
  await using keeper = await TestKeeper.start({
    getJob: () => Promise.reject(error),
    stopJob: () => Promise.reject(new TypeError("No function")),
  });
  await using client = await keeper.client();
  const told = await failureOf(client.getJob(JOB));
  assert.ok(told instanceof JobWorkerError);
  const { code, message, reason, field } = told;
  assert.deepEqual({ code, message, reason, field }, {
    code: "not_found",
    message: error.message,
    reason: "GONE",
    field: "job_id",
  });
  const fault = await failureOf(client.stopJob(STOP));
  assert.ok(fault instanceof JobWorkerError && fault.code === "internal");
  assert.match(fault.message, /keeps the connection has failed: No function/);
});

Deno.test("A keeper cancels the call of whoever is not there any more", async () => {
  const asked = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  const waitJob: JobClient["waitJob"] = (_request, { signal } = {}) => {
    asked.resolve();
    signal?.addEventListener("abort", () => cancelled.resolve());
    return Promise.withResolvers<never>().promise;
  };
  // The call never ends, so neither would the keeper: its connection is closed by the client.
  const keeper = await TestKeeper.start({ waitJob: (...args) => abortedBy(waitJob, ...args) });
  const client = await keeper.client();
  const leave = new AbortController();
  const waiting = failureOf(client.waitJob(JOB, { signal: leave.signal }));
  await asked.promise;
  leave.abort(new Error("The user has left"));
  assert.match(String(await waiting), /The user has left/);
  await soon(cancelled.promise, () => "the end of the call");
  await keeper[Symbol.asyncDispose]();
});

/** Has a call end when its signal is aborted, as calls do. */
async function abortedBy(
  waitJob: JobClient["waitJob"],
  ...[request, options = {}]: Parameters<JobClient["waitJob"]>
): ReturnType<JobClient["waitJob"]> {
  const aborted = Promise.withResolvers<never>();
  options.signal?.addEventListener("abort", () => aborted.reject(options.signal?.reason));
  return await Promise.race([waitJob(request, options), aborted.promise]);
}

Deno.test("A keeper reads no more of a stream than its reader takes", async () => {
  let read = 0;
  const piece = new Uint8Array(1024 * 1024);
  const record = { offset: 0, time: 1, stream: "stdout", data: piece } as const;
  await using keeper = await TestKeeper.start({
    async *streamLogs() {
      for (; read < 16; read++) {
        yield { records: [record], nextOffset: read, finishedJob: null };
      }
    },
  });
  await using client = await keeper.client();
  const request = {
    ...JOB,
    streams: [],
    follow: true,
    start: { kind: "offset", offset: 0 },
  } as const;
  let taken = 0;
  let most = 0;
  for await (const { records } of client.streamLogs(request)) {
    assert.equal(records[0]?.data.byteLength, piece.byteLength);
    most = Math.max(most, read - taken++);
    // Whatever could be read ahead is.
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve));
  }
  assert.equal(taken, 16);
  assert.ok(most < 8, `${most} MiB were read ahead`);
});

Deno.test("A keeper tells those who wait that the connection is being restored", async () => {
  const answer = Promise.withResolvers<ReturnType<typeof jobOf>>();
  const asked = Promise.withResolvers<void>();
  await using keeper = await TestKeeper.start({
    getJob: () => {
      asked.resolve();
      return answer.promise;
    },
  });
  await using client = await keeper.client();
  const called = client.getJob(JOB);
  await asked.promise;
  keeper.keeper.tellReconnecting();
  answer.resolve(jobOf());
  assert.deepEqual(await called, jobOf());
  assert.equal(keeper.reconnecting, 1);
});

Deno.test("A keeper ends when nobody has used it for as long as the last caller said", async () => {
  const answer = Promise.withResolvers<ReturnType<typeof jobOf>>();
  const keeper = await TestKeeper.start({ getJob: () => answer.promise });
  let hasEnded = false;
  void keeper.ended.then(() => hasEnded = true);
  const client = await keeper.client({}, 0);
  const called = client.getJob(JOB);
  // A call that is not answered yet is a use.
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(!hasEnded);
  answer.resolve(jobOf());
  await called;
  await soon(keeper.ended, () => "the end of the keeper");
  await assert.rejects(Deno.lstat(keeper.path), Deno.errors.NotFound);
  await keeper[Symbol.asyncDispose]();
});

Deno.test("A keeper that nobody ever uses ends", async () => {
  const keeper = await TestKeeper.start({}, 1);
  await soon(keeper.ended, () => "the end of the keeper");
  await keeper[Symbol.asyncDispose]();
});

Deno.test("A keeper ends when it cannot reach the daemon, and lets those who wait do it themselves", async () => {
  const connecting = Promise.withResolvers<JobClient>();
  const keeper = await TestKeeper.start(connecting.promise);
  const waiting = Line.open(keeper.path);
  connecting.reject(new JobWorkerError("unavailable", "Nothing listens there"));
  await assert.rejects(waiting);
  await keeper[Symbol.asyncDispose]();
});

Deno.test("A keeper is not used again once the daemon could not be reached", async () => {
  const error = new JobWorkerError("unavailable", "Nothing listens there", {
    reason: "ECONNREFUSED",
  });
  const keeper = await TestKeeper.start({ getJob: () => Promise.reject(error) }, HOUR_MS);
  const client = await keeper.client();
  const told = await failureOf(client.getJob(JOB));
  assert.ok(told instanceof JobWorkerError && told.reason === "ECONNREFUSED");
  await soon(keeper.ended, () => "the end of the keeper");
  await keeper[Symbol.asyncDispose]();
});
