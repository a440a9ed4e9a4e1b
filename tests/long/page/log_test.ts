import type { Page } from "playwright-core";
import { assert } from "../../assert.ts";
import { servedPage } from "../../page/served.ts";

const browserTest = await servedPage();

/** Starts a job on its page. */
async function start(page: Page, line: string, directory = ""): Promise<void> {
  await page.goto("/new");
  await page.getByLabel("Working directory").fill(directory);
  await page.getByLabel("Command line").fill(line);
  await page.getByRole("button", { name: "Start" }).click();
  await page.waitForURL("**/jobs/*");
}

/**
 * Has a job wait until it is let go on by {@linkcode goOn}, any number of times: it may open the pipe again before the
 * one who has let it go on has closed it, and reads nothing then.
 */
const WAIT = "until read -r _ < $JOB_ID; do :; done";

/** Lets a job go on that waits at a named pipe with its id. */
async function goOn(page: Page): Promise<void> {
  const jobId = new URL(page.url()).pathname.split("/").at(-1);
  await Deno.writeTextFile(`/tmp/${jobId}`, "go\n");
}

async function isInView(page: Page, text: string): Promise<boolean> {
  const box = await page.getByRole("log").boundingBox();
  const line = await page.getByRole("log").getByText(text, { exact: true }).boundingBox();
  if (box === null || line === null) return false;
  return line.y >= box.y && line.y + line.height <= box.y + box.height;
}

browserTest(
  "The log fits the window, below a command that is folded to one line",
  async (browser) => {
    const { page } = browser;
    await start(page, `${"# a long comment\n".repeat(40)}seq 500; exec sleep 1000`);
    for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
      await page.setViewportSize(viewport);
      await page.getByRole("log").getByText("500", { exact: true }).waitFor();
      const box = await page.getByRole("log").boundingBox();
      assert.ok(box !== null && box.y + box.height <= viewport.height);
      assert.ok(box.height > viewport.height / 2, `The log has ${box.height} px`);
      const summary = await page.locator("summary").boundingBox();
      assert.ok(summary !== null && summary.height < 40);
      const size = await page.locator("body").evaluate((
        body,
      ) => [body.scrollWidth, body.scrollHeight]);
      assert.ok((size[0] ?? 0) <= viewport.width && (size[1] ?? 0) <= viewport.height, `${size}`);
    }
    assert.equal(await page.locator("details pre").isVisible(), false);
    await page.locator("summary").click();
    assert.match(await page.locator("details pre").innerText(), /# a long comment\n# a long/);
    browser.assertClean();
  },
);

browserTest(
  "The log finds a text, in colours and out of sight, and goes from one to the next",
  async (browser) => {
    const { page } = browser;
    await start(
      page,
      "seq 300; printf 'a \\033[31mNee\\033[0mdle\\n'; seq 301 600; echo a needle, a needle",
    );
    const log = page.getByRole("log");
    await log.getByText("600", { exact: true }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("needle");
    await page.getByText("2 lines", { exact: true }).waitFor();
    // They are drawn with the next frame.
    await log.locator("mark").nth(3).waitFor();
    assert.equal(await log.locator("mark").count(), 4);
    await page.keyboard.press("Enter");
    await page.getByText("1 of 2", { exact: true }).waitFor();
    await page.locator("#log .chosen", { hasText: /^a Needle$/ }).waitFor();
    assert.equal(await page.getByLabel("Follow").isChecked(), false);
    assert.equal(await isInView(page, "300"), true);
    await page.keyboard.press("Escape");
    await page.keyboard.press("n");
    await page.locator("#log .chosen", { hasText: "a needle, a needle" }).waitFor();
    await page.keyboard.press("N");
    await page.getByText("1 of 2", { exact: true }).waitFor();
    await page.getByLabel("Find in the log").fill("no (such) needle");
    await page.getByText("none", { exact: true }).waitFor();
    await log.locator("mark").first().waitFor({ state: "detached" });
    assert.equal(await log.locator("mark").count(), 0);
    browser.assertClean();
  },
);

browserTest(
  "The log shows times in three ways, and wraps its lines or does not",
  async (browser) => {
    const { page } = browser;
    await start(page, `echo ${"long ".repeat(100)}`);
    const log = page.getByRole("log");
    await page.getByText("complete", { exact: true }).waitFor();
    const time = log.locator(".place").first();
    assert.equal(await time.innerText(), "");
    await page.keyboard.press("t");
    assert.match(await time.innerText(), /^\d\d:\d\d\.\d{3}$/);
    await page.keyboard.press("t");
    assert.match(await time.innerText(), /^\d\d:\d\d:\d\d\.\d{3}$/);
    await page.keyboard.press("t");
    assert.equal(await time.innerText(), "");
    const isWider = () => log.evaluate((box) => box.scrollWidth > box.clientWidth);
    assert.equal(await isWider(), false);
    await page.getByLabel("Wrap").uncheck();
    assert.equal(await isWider(), true);
    browser.assertClean();
  },
);

browserTest("A link points at a line, far above what is shown at first", async (browser) => {
  const { page } = browser;
  await start(
    page,
    `mkfifo $JOB_ID; seq 10000; ${WAIT}; echo oh no >&2; ${WAIT}; rm $JOB_ID; seq 10001 30000`,
    "/tmp",
  );
  const log = page.getByRole("log");
  // If both had something to read, either might be read first.
  await log.getByText("10000", { exact: true }).waitFor();
  await goOn(page);
  await log.getByText("oh no").waitFor();
  await goOn(page);
  await page.getByText("complete", { exact: true }).waitFor();
  await log.getByText("30000", { exact: true }).waitFor();
  assert.equal(await log.getByText("oh no").count(), 0);
  await page.getByRole("button", { name: "First stderr line" }).click();
  await page.locator("#log .chosen", { hasText: "oh no" }).waitFor();
  assert.equal(await isInView(page, "oh no"), true);
  const link = page.url();
  const [at] = /#at=\d+$/.exec(link) ?? assert.fail(link);
  assert.equal(await log.locator(".chosen a.place").getAttribute("href"), at);
  // It reads on only as far as the line is not lost.
  await page.getByText("more lines follow", { exact: false }).waitFor();
  await page.getByLabel("Follow").check();
  await log.getByText("30000", { exact: true }).waitFor();
  assert.doesNotMatch(page.url(), /#/);

  await page.goto("/");
  await page.goto(link);
  await page.locator("#log .chosen", { hasText: "oh no" }).waitFor();
  assert.equal(await isInView(page, "oh no"), true);
  browser.assertClean();
});

browserTest("A link to the last line stays there while more lines come", async (browser) => {
  const { page } = browser;
  await start(
    page,
    `mkfifo $JOB_ID; seq 1000; ${WAIT}; echo oh no >&2; ${WAIT}; rm $JOB_ID; seq 1001 2000`,
    "/tmp",
  );
  const log = page.getByRole("log");
  await log.getByText("1000", { exact: true }).waitFor();
  await goOn(page);
  await log.getByText("oh no").waitFor();
  await page.getByRole("button", { name: "First stderr line" }).click();
  await page.locator("#log .chosen", { hasText: "oh no" }).waitFor();
  // The browser tells of what has been scrolled with the next frame.
  await page.evaluate("new Promise(requestAnimationFrame)");
  await goOn(page);
  await page.getByText("complete", { exact: true }).waitFor();
  await log.getByText("2000", { exact: true }).waitFor();
  assert.equal(await page.getByLabel("Follow").isChecked(), false);
  assert.equal(await isInView(page, "oh no"), true);
  browser.assertClean();
});

browserTest("A page that nobody sees reads no log, and goes on where it was", async (browser) => {
  const { page } = browser;
  await start(
    page,
    `mkfifo $JOB_ID; echo one; ${WAIT}; rm $JOB_ID; echo two`,
    "/tmp",
  );
  const log = page.getByRole("log");
  await log.getByText("one", { exact: true }).waitFor();
  await page.getByText("live", { exact: true }).waitFor();
  const see = (isSeen: boolean) =>
    page.locator("body").evaluate(({ ownerDocument }, isSeen) => {
      Object.defineProperty(ownerDocument, "hidden", { value: !isSeen, configurable: true });
      ownerDocument.dispatchEvent(new Event("visibilitychange"));
    }, isSeen);
  const left = page.waitForEvent("requestfailed", (request) => request.url().includes("/logs?"));
  await see(false);
  await left;
  await goOn(page);
  await see(true);
  await log.getByText("two", { exact: true }).waitFor();
  assert.equal(await log.locator(".line").count(), 2);
  browser.assertClean();
});
