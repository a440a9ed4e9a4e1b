import { restApp } from "../../lib/rest/app.ts";
import { OPERATIONS } from "../../lib/rest/operations.ts";
import { assert } from "../assert.ts";
import { fakeService } from "../service/samples.ts";
import { basic, JOB_ID, TestApp } from "./fixture.ts";

Deno.test("Every path but the open ones wants a user and password, before anything is read", async () => {
  const api = new TestApp();
  const wrong = [
    "",
    "Bearer x",
    "Basic",
    "Basic ???",
    "Basic YWxpY2U=",
    "Basic /w==",
    `${basic("alice", "wrong")}`,
    `${basic("alice", "secret")}, ${basic("alice", "secret")}`,
  ];
  for (const { method, path, ...operation } of Object.values(OPERATIONS)) {
    for (const header of wrong) {
      const response = await api.request(path.replace("{jobId}", JOB_ID), {
        method,
        headers: { Authorization: header, "Content-Type": "text/plain" },
        ...(method === "POST" && {
          body: new ReadableStream({
            pull() {
              throw new Error("The body was read");
            },
          }, { highWaterMark: 0 }),
        }),
      });
      await response.body?.cancel();
      const open = "open" in operation && operation.open;
      assert.equal(response.status, open ? 200 : 401, `${method} ${path} ${header}`);
      if (open) continue;
      assert.match(response.headers.get("www-authenticate") ?? "", /^Basic realm="/);
    }
  }
  assert.deepEqual([...new Set(api.failedLogins)], ["alice 192.0.2.7:5000"]);
});

Deno.test("A user and password are taken as they are, up to the first colon and from there on", async () => {
  const seen: unknown[] = [];
  const app = restApp(
    fakeService({}),
    {
      login: (credentials) => {
        seen.push(credentials);
        return Promise.resolve({ kind: "refused" });
      },
    },
    {
      isOurHost: () => true,
      publicOrigins: [],
      onFailedLogin: () => {},
      onFault: () => assert.fail(),
    },
  );
  const credentials: [user: string, password: string][] = [
    ["alice", "se:cret:"],
    ["älice", "gehe\nim ü"],
    ["", ""],
    ["alice", ":"],
    ["\ufeffalice", "secret\ufeff"],
  ];
  for (const [user, password] of credentials) {
    for (const scheme of ["Basic ", "basic ", "BASIC   "]) {
      const headers = { Authorization: basic(user, password).replace("Basic ", scheme) };
      const env = { address: "192.0.2.7", peer: "192.0.2.7:5000", openEnded: () => {} };
      const response = await app.request("/v1/jobs", { headers }, env);
      assert.equal(response.status, 401);
      await response.body?.cancel();
      assert.deepEqual(seen.pop(), { user, password });
    }
  }
});

Deno.test("A login that is throttled answers 429 with the time to wait", async () => {
  const app = restApp(
    fakeService({}),
    { login: () => Promise.resolve({ kind: "throttled", retryAfterMs: 1500 }) },
    {
      isOurHost: () => true,
      publicOrigins: [],
      onFailedLogin: () => assert.fail(),
      onFault: () => assert.fail(),
    },
  );
  const response = await app.request("/v1/jobs", { headers: { Authorization: basic("a", "b") } }, {
    address: "192.0.2.7",
    peer: "192.0.2.7:5000",
    openEnded: () => {},
    authenticated: () => {},
    addTrailer: () => {},
  });
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("retry-after"), "2");
  assert.equal((await response.json()).code, "resource_exhausted");
});
