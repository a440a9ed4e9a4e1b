/** What reaches the caller, whatever the bus makes of it. */

import { X509Certificate } from "node:crypto";
import { delay } from "../../lib/async/delay.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { HOST_REFUSED, HOST_SILENT, isUnanswered } from "../../lib/fleet/unanswered.ts";
import { loadSigningKey } from "../../lib/fleet/signing.ts";
import type { CallContext } from "../../lib/service/job_service.ts";
import { JOB_METHODS, METHODS } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";
import { CALLER, context } from "../engine/fixture.ts";
import {
  callWhole,
  eachMethod,
  WHOLE_ANSWERS,
  WHOLE_JOB,
  WHOLE_REQUESTS,
} from "../service/samples.ts";
import { soon } from "../soon.ts";
import {
  type Carry,
  credentialsOf,
  failureOf,
  HOST,
  HOST_CREDENTIALS,
  HUB,
  TestFleet,
} from "./fixture.ts";

const { jobId } = WHOLE_JOB;
const GET = { jobId };
const SIGNAL = { jobId, signal: "USR1" };

Deno.test("Every call reaches the service of the host as it was made, and its answer the caller", async () => {
  const seen: unknown[] = [];
  await using fleet = new TestFleet(eachMethod((method, request, { caller }) => {
    seen.push({ method, request, caller });
    return Promise.resolve(WHOLE_ANSWERS[method]);
  }));
  for (const method of JOB_METHODS) {
    const answer = await callWhole(fleet.client, method, context());
    assert.deepEqual(answer, WHOLE_ANSWERS[method], method);
  }
  // The host knows which hub has brought it, whatever the caller's own words are.
  const caller = { ...CALLER, via: HUB.name };
  assert.deepEqual(
    seen,
    JOB_METHODS.map((method) => ({ method, request: WHOLE_REQUESTS[method], caller })),
  );
  assert.deepEqual(fleet.faults, []);
});

Deno.test("An error keeps its code, message, field and reason; a fault of the host is internal", async () => {
  const known = new JobWorkerError("failed_precondition", 'No "ü"', {
    reason: "ENOENT",
    field: "command.name",
  });
  let thrown: unknown = known;
  await using fleet = new TestFleet(eachMethod(() => Promise.reject(thrown)));
  for (const method of JOB_METHODS) {
    const { code, message, reason, field } = known;
    const error = await failureOf(callWhole(fleet.client, method, context()));
    assert.deepEqual(
      [error.code, error.message, error.reason, error.field],
      [code, message, reason, field],
    );
    assert.equal(isUnanswered(error), false);
  }
  thrown = new TypeError("Secret");
  for (const method of JOB_METHODS) {
    const error = await failureOf(callWhole(fleet.client, method, context()));
    assert.equal(error.code, "internal");
    assert.doesNotMatch(error.message, /Secret/);
  }
  assert.equal(fleet.faults.length, JOB_METHODS.length);
});

Deno.test("Nothing of what is asked, answered or by whom is in the bytes on the bus", async () => {
  const marker = "MARKER-4f1c";
  const bytes = new TextEncoder().encode(marker);
  const caller = { ...CALLER, identity: { ...CALLER.identity, user: `${marker}-user` } };
  await using fleet = new TestFleet({
    startJob: (request) => Promise.resolve({ ...WHOLE_JOB, command: request.command }),
    writeInput: () => Promise.resolve({ accepted: bytes.byteLength }),
    getLogs: () => Promise.resolve({ ...WHOLE_ANSWERS.getLogs, stdout: bytes, stderr: bytes }),
    getJob: () => Promise.reject(new JobWorkerError("not_found", marker)),
  });
  const called: CallContext = { ...context(), caller };
  const command = { ...WHOLE_JOB.command, env: { SECRET: marker } };
  const job = await fleet.client.startJob({ ...WHOLE_REQUESTS.startJob, command }, called);
  assert.equal(job.command.env["SECRET"], marker);
  await fleet.client.writeInput({ jobId, offset: 0, data: bytes, end: true }, called);
  await fleet.client.getLogs(WHOLE_REQUESTS.getLogs, called);
  await assert.rejects(fleet.client.getJob(GET, called), { message: marker });
  assert.ok(fleet.carried.length >= 8);
  const forms = [marker, bytes.toBase64().slice(0, 12), bytes.toHex()];
  for (const { method, bytes } of fleet.carried) {
    const text = new TextDecoder("latin1").decode(bytes);
    for (const form of forms) {
      assert.ok(!text.includes(form), `${form} is in a message of ${method}`);
    }
  }
});

/** What a bus can make of an answer. */
const CHANGES: Record<string, Carry> = {
  "is cut off": async ({ method, bytes }, deliver) => (await deliver(method, bytes)).slice(0, -1),
  "is empty": () => Promise.resolve(new Uint8Array()),
  "is the call": ({ bytes }) => Promise.resolve(bytes),
  "was changed": async ({ method, bytes }, deliver) => {
    const answer = await deliver(method, bytes);
    const last = answer.byteLength - 1;
    return answer.with(last, (answer[last] ?? 0) ^ 1);
  },
};

for (const [what, carry] of Object.entries(CHANGES)) {
  Deno.test(`HostClient takes no answer that ${what}`, async () => {
    await using fleet = new TestFleet({ getJob: () => Promise.resolve(WHOLE_JOB) });
    await fleet.client.getJob(GET, context());
    fleet.carry = carry;
    const error = await failureOf(fleet.client.getJob(GET, context()));
    assert.deepEqual([error.code, error.reason], ["unavailable", HOST_SILENT]);
    assert.equal(isUnanswered(error), true);
  });
}

Deno.test("HostClient takes no answer of another call, be it the same method, an older one or a refusal", async () => {
  await using fleet = new TestFleet({
    getJob: (request) => Promise.resolve({ ...WHOLE_JOB, jobId: request.jobId }),
  });
  const answers: Uint8Array<ArrayBuffer>[] = [];
  fleet.carry = async ({ method, bytes }, deliver) => {
    const answer = await deliver(method, bytes);
    answers.push(answer);
    return answer;
  };
  // The first answer is a refusal, which tells the epoch.
  await fleet.client.getJob(GET, context());
  assert.equal(answers.length, 2);
  for (const old of [...answers]) {
    fleet.carry = () => Promise.resolve(old);
    const error = await failureOf(fleet.client.getJob(GET, context()));
    assert.equal(error.reason, HOST_SILENT);
    assert.match(error.message, /is not its answer to this call$/);
  }
  // Two at once get each the answer of the other.
  const both: PromiseWithResolvers<Uint8Array<ArrayBuffer>>[] = [];
  fleet.carry = async ({ method, bytes }, deliver) => {
    const own = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
    const at = both.push(own) - 1;
    own.resolve(await deliver(method, bytes));
    while (both.length < 2) await delay(1);
    return await (both[1 - at]?.promise ?? own.promise);
  };
  const errors = await Promise.all(
    [GET, GET].map((request) => failureOf(fleet.client.getJob(request, context()))),
  );
  for (const error of errors) assert.equal(error.reason, HOST_SILENT);
});

Deno.test("HostClient takes no answer of another host, and no other key for it", async () => {
  const other = new TestFleet({ getJob: () => Promise.resolve(WHOLE_JOB) }, {
    door: { host: "db-1" },
  });
  await using _ = other;
  assert.match(
    (await failureOf(other.client.getJob(GET, context()))).message,
    /is not its answer to this call/,
  );
  const signingKey = loadSigningKey((await credentialsOf(HOST)).sign);
  await using twin = new TestFleet({ getJob: () => Promise.resolve(WHOLE_JOB) }, {
    door: { signingKey },
  });
  assert.equal((await failureOf(twin.client.getJob(GET, context()))).reason, HOST_SILENT);
});

Deno.test("HostClient tells a host nothing whose certificate does not count any more", async () => {
  await using fleet = new TestFleet({ getJob: () => Promise.resolve(WHOLE_JOB) });
  await fleet.client.getJob(GET, context());
  fleet.carried.length = 0;
  fleet.deny(new X509Certificate(HOST_CREDENTIALS.sign.cert).serialNumber);
  const error = await failureOf(fleet.client.getJob(GET, context()));
  assert.deepEqual(
    [error.code, error.message],
    ["failed_precondition", 'The certificate of host "web-1" is on the deny list'],
  );
  assert.deepEqual(fleet.carried, []);
});

Deno.test("A host counts only the roles that it allows to hubs, and says so", async () => {
  const seen: unknown[] = [];
  await using fleet = new TestFleet(
    eachMethod((method, _request, { caller: { identity } }) => {
      seen.push(identity);
      return Promise.reject(new JobWorkerError("permission_denied", `May not call ${method}`));
    }),
    { door: { roles: ["viewer"] } },
  );
  const text =
    "May not call getJob: of who comes by way of a hub, this host counts the roles viewer " +
    "(--fleet-roles)";
  await assert.rejects(fleet.client.getJob(GET, context()), {
    code: "permission_denied",
    message: text,
  });
  const viewer = { ...CALLER, identity: { user: "vera", roles: ["viewer"] as const } };
  await assert.rejects(fleet.client.getJob(GET, { ...context(), caller: viewer }), {
    message: "May not call getJob",
  });
  assert.deepEqual(seen, [{ user: CALLER.identity.user, roles: ["viewer"] }, viewer.identity]);
});

Deno.test("HostClient learns by itself that the host has started again", async () => {
  await using fleet = new TestFleet({ getJob: () => Promise.resolve(WHOLE_JOB) });
  for (let n = 0; n < 3; n++) {
    assert.deepEqual(await fleet.client.getJob(GET, context()), WHOLE_JOB);
    await fleet.restart();
  }
});

Deno.test("HostClient sends nothing twice that must not come twice, not even in another epoch", async () => {
  let calls = 0;
  await using fleet = new TestFleet({
    signalJob() {
      calls++;
      return Promise.resolve(WHOLE_JOB);
    },
  });
  // The first call does not have to be refused: the epoch is asked for before.
  await fleet.client.signalJob(SIGNAL, context());
  assert.equal(calls, 1);
  // Whoever carries it keeps the answer, and brings the call again when the host has started again.
  fleet.carry = async ({ method, bytes }, deliver) => {
    await deliver(method, bytes);
    await fleet.restart();
    return await deliver(method, bytes);
  };
  const error = await failureOf(fleet.client.signalJob(SIGNAL, context()));
  assert.deepEqual([error.code, error.reason], ["unavailable", HOST_SILENT]);
  assert.match(error.message, /; whether it has done what was asked of it is not known$/);
  assert.equal(calls, 2);
});

Deno.test("HostClient does not take a refusal for a proof that nothing was done", async () => {
  let calls = 0;
  await using fleet = new TestFleet({
    stopJob() {
      calls++;
      return Promise.resolve(WHOLE_JOB);
    },
  });
  await fleet.client.reach(context());
  fleet.carry = async ({ method, bytes }, deliver) => {
    await deliver(method, bytes);
    return await deliver(method, bytes);
  };
  const error = await failureOf(fleet.client.stopJob(WHOLE_REQUESTS.stopJob, context()));
  assert.equal(isUnanswered(error), true);
  assert.match(error.message, /The call has come before; whether it has done/);
  fleet.carry = ({ method, bytes }, deliver) => deliver(method, bytes);
  const now = Date.now();
  fleet.hostTime = () => now + 120_000;
  const skewed = await failureOf(fleet.client.stopJob(WHOLE_REQUESTS.stopJob, context()));
  assert.deepEqual([skewed.code, skewed.reason], ["failed_precondition", HOST_REFUSED]);
  assert.match(skewed.message, /^Host "web-1" has refused the call: The call is valid from/);
  assert.equal(calls, 1);
});

Deno.test("A request that is too large for the bus is not sent", async () => {
  await using fleet = new TestFleet({});
  const command = { ...WHOLE_JOB.command, args: ["x".repeat(9 * 1024 * 1024)] };
  const error = await failureOf(
    fleet.client.placeJob({ jobId, start: { ...WHOLE_REQUESTS.startJob, command } }, context()),
  );
  assert.equal(error.code, "resource_exhausted");
  assert.match(error.message, /^The request has \d+ bytes, and a fleet carries at most/);
  assert.deepEqual(fleet.carried, []);
});

Deno.test("An answer that is too large for the bus is an error that says so", async () => {
  const huge = { ...WHOLE_ANSWERS.getLogs, stdout: new Uint8Array(9 * 1024 * 1024) };
  await using fleet = new TestFleet({ getLogs: () => Promise.resolve(huge) });
  const error = await failureOf(fleet.client.getLogs(WHOLE_REQUESTS.getLogs, context()));
  assert.equal(error.code, "resource_exhausted");
  assert.match(error.message, /^The answer has \d+ bytes/);
});

for (const method of JOB_METHODS) {
  const { duration } = METHODS[method];
  Deno.test(`A caller who leaves ${duration === "brief" ? "does not end" : "ends"} ${method} at the host`, async () => {
    const begun = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<boolean>();
    await using fleet = new TestFleet(eachMethod(async (_method, _request, { signal }) => {
      begun.resolve();
      if (duration === "brief") {
        await delay(20);
        aborted.resolve(signal.aborted);
      } else {
        await new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            aborted.resolve(true);
            reject(signal.reason);
          });
        });
      }
      return WHOLE_ANSWERS[method];
    }));
    const caller = new AbortController();
    const call = callWhole(fleet.client, method, context(caller.signal));
    await soon(begun.promise, () => "the call does not begin");
    caller.abort(new JobWorkerError("cancelled", "Gone"));
    await assert.rejects(call, { message: "Gone" });
    assert.equal(await soon(aborted.promise, () => "nothing ends"), duration !== "brief");
    assert.deepEqual(fleet.faults, []);
  });
}
