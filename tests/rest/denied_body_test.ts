import { JobWorkerError } from "../../lib/errors.ts";
import { restApp } from "../../lib/rest/app.ts";
import { MAX_DENIED_BYTES } from "../../lib/service/methods.ts";
import { assert } from "../assert.ts";
import { eachMethod } from "../service/samples.ts";
import { basic, JOB_ID } from "./fixture.ts";

const OPERATIONS = [
  ["startJob", "/start/", '{"command":"ls"}'],
  ["startJob", "/v1/jobs", '{"command":{"name":"ls"}}'],
  ["stopJob", "/stop/", `{"jobId":"${JOB_ID}"}`],
  ["stopJob", `/v1/jobs/${JOB_ID}/stop`, "{}"],
  ["signalJob", `/v1/jobs/${JOB_ID}/signal`, '{"signal":"HUP"}'],
  ["updateJob", `/v1/jobs/${JOB_ID}`, '{"timeoutMs":0}', { method: "PATCH" }],
  ["pruneJobs", "/v1/prune", '{"maxCount":0}'],
  ["writeInput", `/v1/jobs/${JOB_ID}/input?offset=0`, "a", { type: "application/octet-stream" }],
] as const;

/** The API for a viewer, whom the service denies everything, and what it was asked. */
function openApi() {
  const asked: [string, Record<string, unknown>][] = [];
  const app = restApp(
    eachMethod((method, request) => {
      asked.push([method, request as Record<string, unknown>]);
      return Promise.reject(new JobWorkerError("permission_denied", "You may not"));
    }),
    {
      login: () =>
        Promise.resolve({ kind: "accepted", identity: { user: "victor", roles: ["viewer"] } }),
    },
    {
      isOurHost: () => true,
      publicOrigins: [],
      onFailedLogin: () => {},
      onFault: (error) => assert.fail(String(error)),
    },
  );
  const send = async (
    path: string,
    body: BodyInit,
    { method = "POST", type = "application/json" }: { method?: string; type?: string },
    headers: Record<string, string> = {},
  ) => {
    const response = await app.request(path, {
      method,
      headers: { Authorization: basic("v", "x"), "Content-Type": type, ...headers },
      body,
    }, {
      address: "192.0.2.7",
      peer: "192.0.2.7:5000",
      openEnded: () => {},
      addTrailer: () => {},
      authenticated: () => {},
    });
    await response.body?.cancel();
    return response.status;
  };
  return { send, asked };
}

Deno.test("The body of a request is not read if the roles of its caller do not allow it", async () => {
  const { send, asked } = openApi();
  for (const [method, path, , how = {}] of OPERATIONS) {
    for (const length of [MAX_DENIED_BYTES + 1, 1_000_000_000, undefined]) {
      let isRead = false;
      const body = new ReadableStream({ pull: () => void (isRead = true) }, { highWaterMark: 0 });
      const headers = length === undefined ? {} : { "Content-Length": String(length) };
      assert.equal(await send(path, body, how, headers), 403, path);
      assert.equal(isRead, false, path);
      // The service refuses it, and has it in the audit trail.
      const jobId = path.includes(JOB_ID) ? JOB_ID : "";
      const data = method === "writeInput" ? { data: new Uint8Array() } : {};
      assert.deepEqual(asked.splice(0), [[method, { jobId, ...data }]]);
    }
  }
});

Deno.test("A small body is read nevertheless, so that the audit trail has what it says", async () => {
  const { send, asked } = openApi();
  for (const [method, path, body, how = {}] of OPERATIONS) {
    const padded = body.padEnd(MAX_DENIED_BYTES, " ");
    assert.equal(await send(path, padded, how, { "Content-Length": `${padded.length}` }), 403);
    const [[name, request] = ["", {}], ...others] = asked.splice(0);
    assert.deepEqual([name, others], [method, []]);
    const told = method === "startJob"
      ? Reflect.get(Object(request.command), "name")
      : request.jobId ?? request.maxCount;
    assert.equal(told, { startJob: "ls", pruneJobs: 0 }[String(method)] ?? JOB_ID);
  }
});
