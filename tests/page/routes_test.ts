import { JobWorkerError } from "../../lib/errors.ts";
import { beganAt } from "../../lib/job/types.ts";
import { PAGE_POLICY } from "../../lib/rest/page/routes.ts";
import type { ListJobsRequest } from "../../lib/service/job_service.ts";
import { assert } from "../assert.ts";
import { DONE_JOB, JOB, JOB_ID, TestApp } from "../rest/fixture.ts";
import { WHOLE_JOB } from "../service/samples.ts";

const SLY = { ...JOB, owner: "alice", command: { ...JOB.command, args: ["<script>", "'\"&"] } };

Deno.test("The pages let nothing be run, framed, or loaded from elsewhere, and escape every value", async () => {
  const app = new TestApp({
    listJobs: () => Promise.resolve({ jobs: [SLY], nextPageToken: "<next>" }),
    getJob: () => Promise.resolve(SLY),
  });
  for (const path of ["/", `/jobs/${JOB_ID}`, `/jobs/${JOB_ID}/`]) {
    const response = await app.request(path);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-security-policy"), PAGE_POLICY);
    assert.equal(response.headers.get("cache-control"), "no-store");
    const text = await response.text();
    assert.match(text, /sh &#39;&lt;script&gt;&#39;/);
    assert.doesNotMatch(text, /<script>|<next>|\sstyle=|\son\w+=/);
  }
});

Deno.test("The pages show the host of a job where there are hosts", async () => {
  const away = { ...JOB, host: "web-1", asOf: Date.now() };
  for (const [job, isShown] of [[JOB, false], [away, true]] as const) {
    const app = new TestApp({
      listJobs: () => Promise.resolve({ jobs: [job], nextPageToken: "" }),
      getJob: () => Promise.resolve(job),
    });
    const list = await (await app.request("/")).text();
    assert.deepEqual([/>Host</.test(list), />web-1</.test(list)], [isShown, isShown]);
    const page = await (await app.request(`/jobs/${JOB_ID}`)).text();
    assert.deepEqual([/web-1/.test(page), /Host last heard/.test(page)], [isShown, isShown]);
  }
});

Deno.test("The list asks for the status and the page that the address names, and searches", async () => {
  const asked: ListJobsRequest[] = [];
  const app = new TestApp({
    listJobs(request) {
      asked.push(request);
      return Promise.resolve({ jobs: [JOB, DONE_JOB], nextPageToken: "more" });
    },
  });
  const found = await (await app.request("/?status=done&page=abc&q=TEAM%3Dblue")).text();
  assert.match(found, /2 jobs/);
  assert.match(found, /href="\/\?status=done&amp;q=TEAM%3Dblue&amp;page=more"/);
  assert.match(await (await app.request("/?q=nowhere")).text(), /No jobs/);
  assert.deepEqual(asked, [
    { filter: { statuses: ["done"] }, pageSize: 1000, pageToken: "abc" },
    { filter: {}, pageSize: 1000, pageToken: "" },
  ]);
  assert.equal((await app.request("/?status=odd")).status, 400);

  assert.match(await (await app.request("/?q=SH+team%3Dblue")).text(), /2 jobs/);
  assert.match(await (await app.request("/?q=sh+team%3Dred")).text(), /No jobs/);
  await (await app.request("/?page=abc")).body?.cancel();
  assert.deepEqual(asked.at(-1), { filter: {}, pageSize: 100, pageToken: "abc" });
});

Deno.test("The last page has no link to older jobs", async () => {
  const app = new TestApp({ listJobs: () => Promise.resolve({ jobs: [JOB], nextPageToken: "" }) });
  assert.doesNotMatch(await (await app.request("/")).text(), /Older jobs/);
});

Deno.test("The page of a job has every fact of it, each in its place", async () => {
  const app = new TestApp({ getJob: () => Promise.resolve(WHOLE_JOB) });
  const text = await (await app.request(`/jobs/${JOB_ID}`)).text();
  const facts = Array.from(
    text.matchAll(/<dt>(.*?)<\/dt>\s*<dd>(.*?)<\/dd>/gs),
    ([, name, value = ""]) => [name, value.replace(/<[^>]*>/g, "").trim()],
  );
  assert.match(facts[3]?.[1] ?? "", / ago$/);
  assert.deepEqual(facts, [
    ["Id", JOB_ID],
    ["Owner", "alice"],
    ["Host", "web-1"],
    ["Host last heard", facts[3]?.[1]],
    ["Queued", facts[4]?.[1]],
    ["Started", facts[5]?.[1]],
    ["Duration", "1.8s"],
    ["Process", "4711"],
    ["Output", "1TiB stdout, 1TiB stderr"],
    ["Directory", "/srv/build"],
    ["Labels", "team=blue, nightly="],
    ["End", "reached the limit of its log, killed by SIGKILL, its log is full"],
    ["Webhook", "https://hooks.example/***: delivered"],
  ]);
  const small = new TestApp({
    getJob: () => Promise.resolve({ ...WHOLE_JOB, stdoutBytes: 1, stderrBytes: 2 }),
  });
  assert.match(await (await small.request(`/jobs/${JOB_ID}`)).text(), /1B stdout, 2B stderr/);
});

Deno.test("The page of a job that waits says its place and why, and nothing of a run", async () => {
  const queue = { position: 3, length: 7, reason: "<all> are taken" };
  const waiting = { pid: 0, queuedAt: Date.now(), startedAt: null, liveStatus: "queued" } as const;
  const app = new TestApp({
    getJob: () => Promise.resolve({ ...JOB, ...waiting, queue }),
    listJobs: () => Promise.resolve({ jobs: [{ ...JOB, ...waiting, queue }], nextPageToken: "" }),
  });
  const text = await (await app.request(`/jobs/${JOB_ID}`)).text();
  assert.match(text, /class="badge queued">queued #3</);
  assert.match(text, /<dt>Place<\/dt>\s*<dd>3rd of 7, since &lt;all&gt; are taken<\/dd>/);
  assert.match(text, /<dt>Queued<\/dt>/);
  assert.doesNotMatch(text, /<dt>(Started|Duration|Process)<\/dt>/);
  const list = await (await app.request("/?status=queued")).text();
  assert.match(list, /<option selected>queued</);
  assert.match(list, /class="badge queued">queued #3</);
});

Deno.test("A page offers only what its reader may do", async () => {
  const foreign = new TestApp({ getJob: () => Promise.resolve({ ...JOB, owner: "bob" }) });
  const own = new TestApp({ getJob: () => Promise.resolve(SLY) });
  const ended = new TestApp({ getJob: () => Promise.resolve({ ...DONE_JOB, owner: "alice" }) });
  for (const [app, expected] of [[foreign, false], [own, true], [ended, false]] as const) {
    const text = await (await app.request(`/jobs/${JOB_ID}`)).text();
    assert.equal(text.includes('id="stop-button"'), expected);
  }
});

Deno.test("The page says of a lost job for how long it ran at least", async () => {
  const end = { status: "failed", reason: "lost", exitStatus: null } as const;
  const lost = { ...JOB, end: { ...end, finishedAt: beganAt(JOB) + 90_000 } };
  const app = new TestApp({ getJob: () => Promise.resolve(lost) });
  assert.match(await (await app.request(`/jobs/${JOB_ID}`)).text(), />at least 1m30s</);
});

Deno.test("An error is a page too: a missing password, a missing job, a fault of ours", async () => {
  const app = new TestApp({
    getJob: () => Promise.reject(new JobWorkerError("not_found", "No job <x>")),
    listJobs: () => Promise.reject(new Error("secret")),
  });
  const unknown = await app.request("/", { headers: { Authorization: "" } });
  assert.equal(unknown.status, 401);
  assert.match(unknown.headers.get("www-authenticate") ?? "", /^Basic /);
  assert.match(await unknown.text(), /user and password/);
  const missing = await app.request(`/jobs/${JOB_ID}`);
  assert.equal(missing.status, 404);
  assert.equal(missing.headers.get("content-security-policy"), PAGE_POLICY);
  assert.match(await missing.text(), /No job &lt;x&gt;/);
  assert.equal((await app.request("/jobs/..%2f")).status, 404);
  assert.doesNotMatch(await (await app.request("/")).text(), /secret/);
  assert.equal(app.faults.length, 1);
});

Deno.test("What a page loads is there for everybody, and refers to nothing elsewhere", async () => {
  const app = new TestApp();
  for (
    const [path, type] of [["/page.css", "css"], ["/page.js", "javascript"], [
      "/log_view.js",
      "javascript",
    ], ["/ansi.js", "javascript"]]
  ) {
    const response = await app.request(String(path), { headers: { Authorization: "" } });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), `text/${type}; charset=utf-8`);
    assert.doesNotMatch(await response.text(), /https?:|innerHTML|@import|url\(/);
  }
});
