import type { PasswordEntry } from "../../lib/auth/password_file.ts";
import { assert } from "../assert.ts";
import { byUser, sessionsOf, userOf } from "../auth/sessions_fixture.ts";
import { ALICE, basic, fakeLogin, JOB, TestApp } from "./fixture.ts";

/** The API with a page to log in on, for Alice and others. */
function appWithLogins(...others: readonly [string, PasswordEntry][]) {
  const sessions = sessionsOf(userOf("alice"), ...others);
  const methods = {
    listJobs: () => Promise.resolve({ jobs: [JOB], nextPageToken: "" }),
    startJob: () => Promise.resolve(JOB),
  };
  return { sessions, app: new TestApp(methods, { sessions }) };
}

/** What a browser sends that knows no password: `""` counts as no header. */
const BROWSER = { Authorization: "" };

async function post(app: TestApp, path: string, fields: Record<string, string>, more = {}) {
  return await app.request(path, {
    method: "POST",
    headers: { ...BROWSER, Origin: "https://worker.test", ...more },
    body: new URLSearchParams(fields),
  });
}

const PASSWORD = { user: "alice", password: "secret" };

/** Logs Alice in, and returns the cookie. */
async function cookieOf(app: TestApp): Promise<string> {
  const response = await post(app, "/login", PASSWORD);
  assert.equal(response.status, 303, await response.text());
  return response.headers.get("set-cookie")?.split(";")[0] ?? "";
}

Deno.test("Whoever logs in gets a cookie that only we get back, and that no script sees", async () => {
  const { app } = appWithLogins();
  const response = await post(app, "/login", { ...PASSWORD, to: "/jobs/x?a=b" });
  assert.equal(response.status, 303);
  assert.equal(response.headers.get("location"), "/jobs/x?a=b");
  assert.match(
    response.headers.get("set-cookie") ?? "",
    /^__Host-job-worker=[0-9a-f]{32}\.[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
  );
  const Cookie = await cookieOf(app);
  // What somebody has put there before opens nothing afterwards.
  const planted = `__Host-job-worker=${"0".repeat(32)}.x`;
  const again = await post(app, "/login", PASSWORD, { Cookie: planted });
  assert.doesNotMatch(again.headers.get("set-cookie") ?? "", /=0{32}/);
  const page = await app.request("/", { headers: { ...BROWSER, Cookie } });
  assert.equal(page.status, 200);
  assert.match(await page.text(), /Log out/);
  const started = await app.post("/v1/jobs", { command: { name: "ls" } }, { ...BROWSER, Cookie });
  assert.equal(started.status, 201);
  const forged = { ...BROWSER, Cookie, Origin: "https://evil.test" };
  assert.equal((await app.post("/v1/jobs", { command: { name: "ls" } }, forged)).status, 403);
});

Deno.test("Nobody is sent elsewhere than to a page of ours", async () => {
  const { app } = appWithLogins();
  const bad = [
    "https://evil.test/",
    "//evil.test/",
    "/\\evil.test",
    "\\\\evil.test",
    "javascript:1",
    "",
  ];
  for (const to of bad) {
    const response = await post(app, "/login", { ...PASSWORD, to });
    assert.match(response.headers.get("location") ?? "", /^\/(?![\/\\])/, to);
  }
});

Deno.test("A wrong password opens no session, counts as everywhere, and makes no browser ask", async () => {
  const { app, sessions } = appWithLogins();
  const wrong = await post(app, "/login", { ...PASSWORD, password: "guess", to: "/new" });
  assert.equal(wrong.status, 403);
  assert.equal(wrong.headers.get("www-authenticate"), null);
  assert.equal(wrong.headers.get("set-cookie"), null);
  const text = await wrong.text();
  assert.match(text, /wrong password/);
  assert.match(text, /name="user" value="alice"/);
  assert.match(text, /name="to" value="\/new"/);
  assert.deepEqual(app.failedLogins, ["alice 192.0.2.7:5000"]);
  assert.equal((await post(app, "/login", PASSWORD, { Origin: "https://evil.test" })).status, 403);
  assert.equal((await post(app, "/login", PASSWORD, { Origin: "null" })).status, 403);
  const large = { ...PASSWORD, password: "x".repeat(20_000) };
  assert.equal((await post(app, "/login", large)).status, 413);
  assert.equal((await app.post("/login", PASSWORD, BROWSER)).status, 415);
  assert.deepEqual(sessions.list(), []);
  const throttled = new TestApp(
    {},
    { sessions },
    {
      ...fakeLogin,
      login: () => Promise.resolve({ kind: "throttled", retryAfterMs: 5000 }),
    } as unknown as typeof fakeLogin,
  );
  assert.equal((await post(throttled, "/login", PASSWORD)).status, 429);
});

Deno.test("A browser without a session comes to the login, a script and a client with a password do not", async () => {
  const { app } = appWithLogins();
  const to = await app.request("/?status=failed", { headers: BROWSER });
  assert.equal(to.status, 303);
  assert.equal(to.headers.get("location"), "/login?to=%2F%3Fstatus%3Dfailed");
  const login = await app.request("/login?to=%2F%3Fstatus%3Dfailed", { headers: BROWSER });
  assert.match(await login.text(), /name="to" value="\/\?status=failed"/);
  // A link on another site, with which no cookie comes.
  const linked = { ...BROWSER, "Sec-Fetch-Site": "cross-site" };
  assert.match(await (await app.request("/", { headers: linked })).text(), /http-equiv="refresh"/);
  for (const path of ["/", "/v1/jobs"]) {
    const script = await app.request(path, { headers: { ...BROWSER, "Sec-Fetch-Dest": "empty" } });
    assert.equal(script.status, 401);
    assert.equal(script.headers.get("www-authenticate"), null);
  }
  const client = await app.request("/v1/jobs", { headers: BROWSER });
  assert.match(client.headers.get("www-authenticate") ?? "", /^Basic /);
  const wrong = { headers: { Authorization: basic("alice", "guess") } };
  assert.equal((await app.request("/", wrong)).status, 401);
  const right = await app.request("/");
  assert.doesNotMatch(await right.text(), /Log out/);
});

Deno.test("Whoever logs out, or is logged out, has to log in again", async () => {
  const { app } = appWithLogins();
  const [here, away] = [await cookieOf(app), await cookieOf(app)];
  const statusOf = async (Cookie: string) =>
    (await app.request("/", { headers: { ...BROWSER, Cookie } })).status;
  const page = await app.request("/sessions", { headers: { ...BROWSER, Cookie: here } });
  const text = await page.text();
  assert.equal(text.match(/name="id"/g)?.length, 2);
  assert.equal(text.match(/\(here\)/g)?.length, 1);
  const id = /=([0-9a-f]+)\./.exec(away)?.[1] ?? "";
  const other = { Cookie: here, Origin: "https://evil.test" };
  assert.equal((await post(app, "/sessions/end", { id }, other)).status, 403);
  assert.equal((await post(app, "/sessions/end", { id }, { Cookie: here })).status, 303);
  assert.deepEqual([await statusOf(here), await statusOf(away)], [200, 303]);
  assert.equal((await post(app, "/sessions/end", { id }, { Cookie: here })).status, 404);
  const left = await post(app, "/logout", {}, { Cookie: here });
  assert.equal(left.headers.get("location"), "/login");
  assert.match(left.headers.get("set-cookie") ?? "", /^__Host-job-worker=; Max-Age=0; Path=\/;/);
  assert.equal(await statusOf(here), 303);
  // Also where there is nothing left to end, no browser asks for a password itself.
  for (const path of ["/logout", "/sessions/end"]) {
    const late = await post(app, path, { id }, { Cookie: here });
    assert.deepEqual([late.status, late.headers.get("location")], [303, "/login"]);
  }
  const list = await app.request("/sessions", { headers: { ...BROWSER, Cookie: here } });
  assert.equal(list.headers.get("location"), "/login?to=%2Fsessions");
});

Deno.test("Only admins see and end the logins of others", async () => {
  for (const role of ["operator", "viewer", "admin"] as const) {
    const { sessions } = appWithLogins();
    const all = sessionsOf(userOf("alice", { roles: [role] }), userOf("bob"));
    const bob = await all.open(byUser("bob"), "192.0.2.9");
    const own = await all.open(byUser("alice"), "192.0.2.8");
    const app = new TestApp({}, { sessions: all });
    const Cookie = `__Host-job-worker=${own}`;
    const text = await (await app.request("/sessions", { headers: { ...BROWSER, Cookie } })).text();
    assert.equal(text.includes("192.0.2.9"), role === "admin");
    assert.ok(text.includes("192.0.2.8"));
    const [id = ""] = bob.split(".");
    const { status } = await post(app, "/sessions/end", { id }, { Cookie });
    assert.equal(status, role === "admin" ? 303 : 404);
    assert.equal(all.check(bob) === null, role === "admin");
    assert.deepEqual(sessions.list(), []);
  }
  assert.equal(ALICE.user, "alice");
});
