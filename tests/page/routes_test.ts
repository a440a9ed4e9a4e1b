import { JobWorkerError } from "../../lib/errors.ts";
import { MAX_COUNTED, NO_JOBS } from "../../lib/job/status_counts.ts";
import { beganAt, type Job } from "../../lib/job/types.ts";
import { PAGE_POLICY } from "../../lib/rest/page/page_answer.ts";
import { HIDDEN } from "../../lib/job/command.ts";
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
  for (const path of ["/", `/jobs/${JOB_ID}`, `/jobs/${JOB_ID}/`, `/new?from=${JOB_ID}`]) {
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
    assert.deepEqual([!/no-host/.test(list), />web-1</.test(list)], [isShown, isShown]);
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
    { filter: {}, pageSize: 1000, pageToken: "", counts: true },
  ]);
  for (const query of ["status=odd", "label=odd", "host=o_d", "odd=1"]) {
    assert.equal((await app.request(`/?${query}`)).status, 400, query);
  }

  assert.match(await (await app.request("/?q=SH+team%3Dblue")).text(), /2 jobs/);
  assert.match(await (await app.request("/?q=sh+team%3Dred")).text(), /No jobs/);
  await (await app.request("/?page=abc")).body?.cancel();
  assert.deepEqual(asked.at(-1), { filter: {}, pageSize: 100, pageToken: "abc" });
});

Deno.test("The list counts the jobs of each status, and its links keep the other filters", async () => {
  const asked: ListJobsRequest[] = [];
  const app = new TestApp({
    listJobs(request) {
      asked.push(request);
      const counts = { ...NO_JOBS, running: 2, done: 1 };
      return Promise.resolve({ jobs: [JOB], nextPageToken: "", counts });
    },
  });
  const address = "/?owner=bob&host=web-1&label=team%3Dblue&label=a%3Db";
  const text = await (await app.request(`${address}&status=running`)).text();
  const filter = { owner: "bob", host: "web-1", labels: { team: "blue", a: "b" } };
  assert.deepEqual(asked, [
    { filter: { ...filter, statuses: ["running"] }, pageSize: 100, pageToken: "", counts: true },
  ]);
  const counts = Array.from(text.matchAll(/>\s*(\w+) <b>(\S+)<\/b>/g), ([, ...pair]) => pair);
  assert.deepEqual(counts, [
    ...[["all", "3"], ["queued", "0"], ["running", "2"]],
    ...[["done", "1"], ["failed", "0"], ["cancelled", "0"]],
  ]);
  assert.match(text, /<title>\(2\) Jobs - Job Worker</);
  const links = Array.from(text.matchAll(/href="(\/\?[^"]*)"/g), ([, link = ""]) => link);
  const has = (query: string) => assert.ok(links.includes(query.replaceAll("&", "&amp;")), query);
  has("/?status=done&owner=bob&host=web-1&label=team%3Dblue&label=a%3Db");
  has("/?status=running&host=web-1&label=team%3Dblue&label=a%3Db");
  has("/?status=running&owner=bob&label=team%3Dblue&label=a%3Db");
  has("/?status=running&owner=bob&host=web-1&label=team%3Dblue");
});

Deno.test("The list says where there are more jobs than are counted", async () => {
  const counts = { ...NO_JOBS, running: 7, done: MAX_COUNTED };
  const app = new TestApp({
    listJobs: () => Promise.resolve({ jobs: [JOB], nextPageToken: "more", counts }),
  });
  const text = await (await app.request("/")).text();
  assert.match(text, /all <b>10,007\+<\/b>.*running <b>7<\/b>.*done <b>10,000\+<\/b>/s);
});

Deno.test("A page says whose changes concern it, and nothing where there will be none", async () => {
  const waiting = { ...JOB, startedAt: null, liveStatus: "queued" } as const;
  let job: Job = JOB;
  const app = new TestApp({
    listJobs: () => Promise.resolve({ jobs: [JOB], nextPageToken: "", counts: NO_JOBS }),
    getJob: () => Promise.resolve(job),
  });
  const watched = async (path: string) => {
    const [, text] = /<main id="content"\s*data-watch="([^"]*)"/.exec(
      await (await app.request(path)).text(),
    ) ?? [];
    return text === undefined ? null : JSON.parse(text.replaceAll("&quot;", '"'));
  };
  assert.deepEqual(await watched("/?status=running&q=x"), {});
  const members = { owner: "bob", host: "web-1", labels: { team: "blue" } };
  assert.deepEqual(await watched("/?owner=bob&host=web-1&label=team%3Dblue"), members);
  assert.deepEqual(await watched(`/jobs/${JOB_ID}`), { jobId: JOB_ID });
  job = waiting;
  assert.deepEqual(await watched(`/jobs/${JOB_ID}`), {});
  job = DONE_JOB;
  assert.deepEqual(await watched(`/jobs/${JOB_ID}`), null);
  assert.deepEqual(await watched("/new"), null);
});

Deno.test("The list shows each job in one line: how it ended, its name, and why it failed", async () => {
  const end = { status: "failed", finishedAt: beganAt(JOB) + 5000 } as const;
  const script = { ...JOB.command, args: ["-c", "set -e\n  echo '\u001b'\n"] };
  const jobs = [
    { ...JOB, name: "nightly", end: { ...end, reason: "exited", exitStatus: { code: 3 } } },
    { ...JOB, end: { ...end, reason: "timeout", exitStatus: { signal: "SIGTERM" } } },
    { ...JOB, end: { ...end, reason: "start_failed", exitStatus: null, detail: "no such <file>" } },
    { ...JOB, command: { ...script, args: ["-c", "set -e\n  echo it's\n"] } },
    { ...JOB, command: script },
  ] as const;
  const app = new TestApp({ listJobs: () => Promise.resolve({ jobs, nextPageToken: "" }) });
  const text = await (await app.request("/")).text();
  const rows = Array.from(text.matchAll(/<tr id.*?<\/tr>/gs), ([row]) => row);
  const cells = rows.map((row) =>
    Array.from(
      row.matchAll(/<td[^>]*>(.*?)<\/td>/gs),
      ([, cell = ""]) => cell.replace(/<[^>]*>/g, "").replace(/\s+/g, " ").trim(),
    ).slice(1, 3)
  );
  assert.deepEqual(cells, [
    ["3", "nightly sh -c &#39;exit 3&#39;"],
    ["SIGTERM", "sh -c &#39;exit 3&#39; out of time"],
    [
      "",
      "sh -c &#39;exit 3&#39; could not be started when its turn came, no such &lt;file&gt;",
    ],
    ["", "sh -c &#39;set -e ↵ echo it&#39;\\&#39;&#39;s ↵ &#39;"],
    // What no line can show is escaped.
    ["", "sh -c &#39;set -e ↵ echo &#39;\\&#39;&#39;\\x1b&#39;\\&#39;&#39; ↵ &#39;"],
  ]);
});

Deno.test("The form for a job to be run again has all that it was started with", async () => {
  const { execution } = WHOLE_JOB;
  const limits = { memoryBytes: 512 * 1024 * 1024, cpus: 0.5, processes: 7 };
  const command = { name: "make", args: ["-j4", "it's\nall"], env: { A: "1", B: "<2>" } };
  const job = {
    ...WHOLE_JOB,
    owner: "alice",
    command: { ...command, workingDirectory: "/srv" },
    execution: { ...execution, user: "builder", timeoutMs: 90 * 60_000, limits },
  };
  const app = new TestApp({ getJob: () => Promise.resolve(job) });
  const text = await (await app.request(`/new?from=${JOB_ID}`)).text();
  for (
    const part of [
      ">exec make -j4 &#39;it&#39;\\&#39;&#39;s\nall&#39;</textarea>",
      'name="workingDirectory" value="/srv"',
      ">A=1\nB=&lt;2&gt;</textarea>",
      ">team=blue\nnightly=</textarea>",
      'type="number" min="0" step="any" value="90"',
      'type="number" min="0" step="any" value="512"',
      '<option value="60000" selected>minutes</option>',
      '<option value="1048576" selected>MiB</option>',
      'step="0.01" value="0.5"',
      'step="1" value="7"',
      'name="user" value="builder"',
      `name="name" value="${job.name}"`,
    ]
  ) assert.ok(text.includes(part), part);
  const again = /data-again="([^"]*)"/.exec(text)?.[1]?.replaceAll("&quot;", '"') ?? "";
  const kept = JSON.parse(
    again.replaceAll("&#39;", "'").replaceAll("&lt;", "<").replaceAll("&gt;", ">"),
  );
  assert.deepEqual([kept.command, kept.notify], [job.command, job.notify?.url]);

  const hidden = { ...job, owner: "bob", command: { ...job.command, env: { TOKEN: HIDDEN } } };
  const foreign = new TestApp({ getJob: () => Promise.resolve(hidden) });
  const page = await (await foreign.request(`/new?from=${JOB_ID}`)).text();
  assert.match(page, /You may not see the values of the variables: TOKEN/);
  assert.ok(!page.includes(HIDDEN));
  assert.ok(job.notify !== undefined && !page.includes(job.notify.url));
  assert.doesNotMatch(await (await app.request("/new")).text(), /selected>GiB|value="90"/);
  assert.equal((await app.request("/new?from=odd")).status, 400);
});

Deno.test("The last page has no link to older jobs", async () => {
  const app = new TestApp({ listJobs: () => Promise.resolve({ jobs: [JOB], nextPageToken: "" }) });
  assert.doesNotMatch(await (await app.request("/")).text(), /Older jobs/);
});

Deno.test("The page of a job has every fact of it, each in its place", async () => {
  const app = new TestApp({ getJob: () => Promise.resolve(WHOLE_JOB) });
  const text = await (await app.request(`/jobs/${JOB_ID}`)).text();
  const facts = Array.from(
    (/id="facts".*?<\/dl>/s.exec(text)?.[0] ?? "").matchAll(/<dt>(.*?)<\/dt>\s*<dd>(.*?)<\/dd>/gs),
    ([, name, value = ""]) => [name, value.replace(/<[^>]*>/g, "").trim()],
  );
  assert.match(facts[4]?.[1] ?? "", / ago$/);
  assert.deepEqual(facts, [
    ["Id", JOB_ID],
    ["Name", "nightly.build"],
    ["Owner", "alice"],
    ["Host", "web-1"],
    ["Host last heard", facts[4]?.[1]],
    ["Queued", facts[5]?.[1]],
    ["Started", facts[6]?.[1]],
    ["Duration", "1.8s"],
    ["Process", "4711"],
    ["Output", "1TiB stdout, 1TiB stderr"],
    ["Directory", "/srv/build"],
    ["Labels", "team=blue, nightly="],
    ["Variables", "A, B"],
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
    listJobs: () =>
      Promise.resolve({
        ...{ jobs: [{ ...JOB, ...waiting, queue }], nextPageToken: "" },
        counts: { ...NO_JOBS, queued: 1 },
      }),
  });
  const text = await (await app.request(`/jobs/${JOB_ID}`)).text();
  assert.match(text, /class="badge queued">queued #3</);
  assert.match(text, /<dt>Place<\/dt>\s*<dd>3rd of 7, since &lt;all&gt; are taken<\/dd>/);
  assert.match(text, /<dt>Queued<\/dt>/);
  assert.doesNotMatch(text, /<dt>(Started|Duration|Process)<\/dt>/);
  const list = await (await app.request("/?status=queued")).text();
  assert.match(list, /aria-current="true"\s*>queued </);
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

Deno.test("An address of no page is a page for a browser, and a problem for others", async () => {
  const app = new TestApp();
  const Accept = "text/html,application/xhtml+xml,*/*;q=0.8";
  const page = await app.request("/nowhere", { headers: { Accept, Authorization: "" } });
  assert.deepEqual([page.status, page.headers.get("content-security-policy")], [404, PAGE_POLICY]);
  assert.match(await page.text(), /There is no such page.*<a href="\/">All jobs/s);
  for (const Accept of ["*/*", "application/json"]) {
    const other = await app.request("/nowhere", { headers: { Accept } });
    assert.equal(other.headers.get("content-type"), "application/problem+json");
    assert.equal((await other.json()).status, 404);
  }
});

Deno.test("What a page loads is there for everybody, and refers to nothing elsewhere", async () => {
  const app = new TestApp();
  const waiting = ["/page.css", "/log.css", "/page.js"];
  for (const path of waiting) {
    const response = await app.request(path, { headers: { Authorization: "" } });
    assert.equal(response.status, 200, path);
    const type = path.endsWith(".css") ? "css" : "javascript";
    assert.equal(response.headers.get("content-type"), `text/${type}; charset=utf-8`);
    const text = await response.text();
    assert.doesNotMatch(text, /https?:|innerHTML|@import|url\(/);
    for (const [, module] of text.matchAll(/from "\.(\/\w+\.js)"/g)) {
      if (module !== undefined && !waiting.includes(module)) waiting.push(module);
    }
  }
  assert.ok(waiting.length > 8);
});
