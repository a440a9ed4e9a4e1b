import type { Page } from "playwright-core";
import { assert } from "../../assert.ts";
import { servedPage } from "../../page/served.ts";

const browserTest = await servedPage();

/** Starts jobs from the page itself, as it does, one after the other. */
async function startAll(page: Page, commands: readonly (readonly string[])[]): Promise<void> {
  await page.evaluate(async (commands) => {
    for (const [name, ...args] of commands) {
      const response = await fetch("/v1/jobs", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ command: { name, args }, labels: { n: args[0] } }),
      });
      if (!response.ok) throw new Error(await response.text());
    }
  }, commands);
}

browserTest(
  "The list goes on to older jobs as one scrolls, keeps them, and takes in new ones",
  async (browser) => {
    const { page } = browser;
    await page.goto("/");
    await startAll(page, Array.from({ length: 130 }, (_, index) => ["true", `${index}`]));
    await page.goto("/");
    assert.equal(await page.locator("#jobs tr").count(), 100);
    await page.locator("#older").scrollIntoViewIfNeeded();
    await page.getByText("130 jobs", { exact: true }).waitFor();
    await startAll(page, [["false", "new"]]);
    await page.getByText("131 jobs", { exact: true }).waitFor();
    const labels = await page.locator("#jobs td.labels").allInnerTexts();
    assert.deepEqual(
      labels.map((text) => text.trim()),
      ["n=new", ...Array.from({ length: 130 }, (_, index) => `n=${129 - index}`)],
    );
    await page.getByRole("link", { name: "all 131" }).waitFor();
    await page.getByRole("link", { name: "failed 1" }).click();
    await page.getByText("1 job", { exact: true }).waitFor();
    await page.getByRole("link", { name: "n=new" }).click();
    await page.waitForURL("**/?status=failed&label=n%3Dnew");
    await page.getByRole("link", { name: "Lift the filter: n=new" }).click();
    await page.waitForURL("**/?status=failed");

    // On 1280x800, a mail program has as many.
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.goto("/");
    const inView = await page.locator("#jobs tr").evaluateAll((rows) =>
      rows.filter((row) => row.getBoundingClientRect().bottom <= 800).length
    );
    assert.ok(inView >= 20, `Only ${inView} jobs are in view`);
    browser.assertClean();
  },
);

browserTest("A job far down the list is shown as it is, too", async (browser) => {
  const { page } = browser;
  await page.goto("/");
  await startAll(page, [["sleep", "1010"]]);
  await startAll(page, Array.from({ length: 110 }, (_, index) => ["true", `${index}`]));
  await page.goto("/");
  const row = page.locator("#jobs tr", { hasText: "sleep 1010" });
  assert.equal(await row.count(), 0);
  await page.locator("#older").scrollIntoViewIfNeeded();
  await row.locator(".running").waitFor();
  const rows = await page.locator("#jobs tr").count();
  const id = await row.getAttribute("id");
  await page.evaluate(
    async (path) => void await fetch(path, { method: "POST" }),
    `/v1/jobs/${id?.replace("row-", "")}/stop`,
  );
  await row.locator(".cancelled").waitFor();
  assert.equal(await page.locator("#jobs tr").count(), rows);
  browser.assertClean();
});

browserTest("The keys go from job to job, open one, run it again and stop it", async (browser) => {
  const { page } = browser;
  await page.goto("/");
  await startAll(page, [["sleep", "1001"], ["sleep", "1002"], ["sleep", "1003"]]);
  await page.goto("/");
  assert.match(await page.title(), /^\(3\) Jobs/);
  assert.match(decodeURIComponent(await page.locator("#icon").getAttribute("href") ?? ""), />3</);
  const chosen = () => page.locator(":focus").evaluate((element) => element.textContent?.trim());
  for (const [key, text] of [["j", "1003"], ["j", "1002"], ["j", "1001"], ["k", "1002"]] as const) {
    await page.keyboard.press(key);
    assert.equal(await chosen(), `sleep ${text}`);
  }
  // The page is fetched again, and the chosen job stays chosen.
  const renewed = page.waitForResponse((response) => new URL(response.url()).pathname === "/");
  await startAll(page, [["sleep", "1004"]]);
  await renewed;
  await page.locator("#jobs").getByText("sleep 1004").waitFor();
  assert.equal(await chosen(), "sleep 1002");
  assert.match(await page.title(), /^\(4\) Jobs/);

  await page.keyboard.press("s");
  await page.waitForURL("**/jobs/*");
  await page.getByRole("dialog", { name: "Stop this job?" }).waitFor();
  await page.keyboard.press("j");
  await page.getByRole("button", { name: "Stop it" }).click();
  await page.locator("#status .cancelled").waitFor();
  assert.match(await page.title(), /^cancelled: sleep 1002/);
  await page.keyboard.press("r");
  await page.waitForURL("**/new?from=*");
  assert.equal(await page.getByLabel("Command line").inputValue(), "exec sleep 1002");
  await page.getByRole("button", { name: "Start" }).click();
  await page.waitForURL("**/jobs/*");
  assert.equal((await page.locator("summary").innerText()).trim(), "sleep 1002");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("u");
  await page.waitForURL((url) => url.pathname === "/");
  await page.keyboard.press("/");
  await page.keyboard.type("j/");
  assert.equal(await page.getByLabel("Search").inputValue(), "j/");
  browser.assertClean();
});

browserTest(
  "The form starts a job with all that it asks for, and says beside it what is wrong",
  async (browser) => {
    const { page } = browser;
    await page.goto("/new");
    await page.getByLabel("Command line").fill('echo "$A-$B"\npwd');
    await page.getByLabel("Working directory").fill("/nowhere");
    await page.getByLabel("Variables").fill("A=1=2\nB= x");
    await page.getByLabel("Labels").fill("team=blue\nnightly");
    await page.getByLabel("Timeout", { exact: true }).fill("1.5");
    await page.getByLabel("Unit of: Timeout").selectOption("hours");
    await page.getByLabel("Memory at most", { exact: true }).fill("512");
    await page.getByRole("button", { name: "Start" }).click();
    const problem = page.locator("#start-problem");
    await problem.getByText('working directory "/nowhere"').waitFor();
    const box = await problem.boundingBox();
    assert.ok(box !== null && box.y + box.height <= (page.viewportSize()?.height ?? 0));
    await page.getByLabel("Working directory").fill("/tmp");
    await page.getByRole("button", { name: "Start" }).click();
    await page.waitForURL("**/jobs/*");
    const log = page.getByRole("log");
    await log.getByText("1=2- x", { exact: true }).waitFor();
    await log.getByText("/tmp", { exact: true }).waitFor();
    const jobId = new URL(page.url()).pathname.split("/").at(-1);
    const read = async (jobId: string | undefined) =>
      await page.evaluate(async (path) => await (await fetch(path)).json(), `/v1/jobs/${jobId}`);
    const job = await read(jobId);
    assert.deepEqual(job.labels, { team: "blue", nightly: "" });
    assert.equal(job.execution.timeoutMs, 90 * 60_000);
    assert.deepEqual(job.execution.limits, { memoryBytes: 512 * 1024 ** 2 });

    await page.getByRole("link", { name: "Run again" }).click();
    await page.getByRole("button", { name: "Start" }).click();
    await page.waitForURL((url) =>
      url.pathname.startsWith("/jobs/") && !url.href.includes(`${jobId}`)
    );
    const again = await read(new URL(page.url()).pathname.split("/").at(-1));
    assert.deepEqual(again.command, job.command);
    assert.deepEqual(again.labels, job.labels);
    assert.deepEqual(again.execution, job.execution);
    // The browser reports the refused request.
    assert.deepEqual(browser.errors.splice(0).filter((text) => !/409/.test(text)), []);
    browser.assertClean();
  },
);
