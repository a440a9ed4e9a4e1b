import type { Page, Request } from "playwright-core";
import { assert } from "../../assert.ts";
import { PASSWORD, servedPage } from "../../page/served.ts";

const browserTest = await servedPage();

async function start(page: Page, line: string, workingDirectory = ""): Promise<string> {
  return await page.evaluate(async ([line, workingDirectory]) => {
    const response = await fetch("/v1/jobs", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ command: { name: "sh", args: ["-c", line], workingDirectory } }),
    });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()).jobId;
  }, [line, workingDirectory] as const);
}

async function stop(page: Page, jobId: string): Promise<void> {
  await page.evaluate(
    async (path) => void await fetch(path, { method: "POST" }),
    `/v1/jobs/${jobId}/stop`,
  );
}

async function logIn(page: Page): Promise<void> {
  await page.getByLabel("User").fill("alice");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
}

const isWatch = (request: Request) => new URL(request.url()).pathname === "/v1/watch";

browserTest(
  "The pages of a browser hear of changes on one connection, whichever of them is closed",
  async (browser) => {
    const context = browser.page.context();
    const asked: Request[] = [];
    context.on("request", (request) => isWatch(request) && asked.push(request));
    const pages = [browser.page];
    // More than a browser has connections.
    while (pages.length < 8) pages.push(await context.newPage());
    for (const page of pages) await page.goto("/");
    const jobId = await start(browser.page, "exec sleep 1000");
    const shown = (status: string, count: number) =>
      Promise.all(pages.map(async (page) => {
        await page.locator(`#status-${status} b`, { hasText: RegExp(`^${count}$`) }).waitFor();
      }));
    await shown("running", 1);
    assert.equal(asked.length, 1);
    const leader = asked[0]?.frame().page() ?? assert.fail();
    pages.splice(pages.indexOf(leader), 1);
    const next = context.waitForEvent("request", isWatch);
    await leader.close();
    await next;
    const [page = assert.fail()] = pages;
    await stop(page, jobId);
    await shown("cancelled", 1);
    assert.match(await page.title(), /^Jobs/);
    assert.deepEqual({ errors: browser.errors, strangers: browser.strangers }, {
      errors: [],
      strangers: [],
    });
  },
);

browserTest(
  "A page at rest asks for nothing, and its times go on all the same",
  async (browser) => {
    const { page } = browser;
    await page.goto("/");
    await start(page, "exec sleep 1000");
    const asked: string[] = [];
    await page.clock.install();
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await page.goto("/");
    const renewed = page.waitForResponse((response) =>
      new URL(response.url()).pathname === "/" && response.request().resourceType() === "fetch"
    );
    const watched = page.waitForRequest(isWatch);
    await watched;
    await page.clock.runFor(2000);
    await (await renewed).finished();
    // The first event of the watch has it renewed once more, unless that came before.
    await page.clock.runFor(60_000);
    const count = asked.length;
    await page.clock.runFor(3_600_000);
    assert.equal(asked.length, count, asked.slice(count).join(" "));
    await page.locator("#jobs time.since", { hasText: /^1h1m$/ }).first().waitFor();
    browser.assertClean();
  },
);

browserTest(
  "A page with a job that waits looks for its place while it is in sight",
  async (browser) => {
    const { page } = browser;
    await page.clock.install();
    // To have one that waits, as many would have to run as may.
    let place = 30;
    await page.route((url) => url.pathname === "/", async (route) => {
      const response = await route.fetch();
      const row = () =>
        `<tr id="row-x"><td><span class="badge queued">queued #${place--}</span></td></tr>`;
      const body = (await response.text()).replace(/(?<=<tbody id="jobs">).*?(?=<\/tbody>)/s, row);
      await route.fulfill({ response, body });
    });
    await page.goto("/");
    // By this clock, an answer takes as long as the steps that are made meanwhile.
    for (let step = 0; place > 20; step++) {
      assert.ok(step < 2000, `The page has not looked since it was at #${place}`);
      await page.clock.runFor(1000);
    }
    await page.locator("#jobs .queued", { hasText: /^queued #(1?\d|2[01])$/ }).waitFor();
  },
);

browserTest(
  "Whoever is logged out while a page is open is told so, and goes on after the next login",
  async (browser) => {
    const { page } = browser;
    await page.goto("/");
    await logIn(page);
    await page.getByText("No jobs").or(page.locator("#jobs tr").first()).waitFor();
    const jobId = await start(
      page,
      "mkfifo $JOB_ID; echo one; read -r _ < $JOB_ID; rm $JOB_ID; echo two; sleep 1000",
      "/tmp",
    );
    const form = await page.context().newPage();
    await form.goto("/new");
    await form.getByLabel("Command line").fill("echo typed");
    await page.goto(`/jobs/${jobId}`);
    const log = page.getByRole("log");
    await log.getByText("one", { exact: true }).waitFor();
    const logins = await page.context().newPage();
    await logins.goto("/sessions");
    await logins.getByRole("row", { name: "(here)" }).getByRole("button").click();
    await logins.waitForURL("**/login?to=*");

    await Deno.writeTextFile(`/tmp/${jobId}`, "go\n");
    await page.getByText("You are not logged in any more").waitFor();
    const back = page.locator("#problem").getByRole("link", { name: "Log in" });
    assert.equal(await back.getAttribute("href"), `/login?to=%2Fjobs%2F${jobId}`);
    assert.equal(await log.getByText("two", { exact: true }).count(), 0);
    await form.getByRole("button", { name: "Start" }).click();
    await form.locator("#start-problem").getByText("You are not logged in any more").waitFor();
    const opened = form.waitForEvent("popup");
    await form.locator("#start-problem").getByRole("link", { name: "Log in" }).click();
    await logIn(await opened);
    await (await opened).waitForURL("**/new");
    await form.getByRole("button", { name: "Start" }).click();
    await form.waitForURL("**/jobs/*");
    await form.getByRole("log").getByText("typed", { exact: true }).waitFor();

    // The other page goes on by itself.
    await log.getByText("two", { exact: true }).waitFor();
    await stop(page, jobId);
    // The browser reports what was refused, and what was cut off.
    assert.deepEqual(browser.errors.splice(0).filter((text) => !/401|INCOMPLETE/.test(text)), []);
    browser.assertClean();
  },
  { password: null },
);
