import { assert } from "../../assert.ts";
import { servedPage } from "../../page/served.ts";

const browserTest = await servedPage();

browserTest(
  "The page starts a job, shows its lines as they come, and stops it",
  async (browser) => {
    const { page } = browser;
    await page.goto("/");
    await page.getByRole("link", { name: "Start a job" }).click();
    await page.getByLabel("Command line").fill(
      `printf '\\033[1;31mone\\033[0m <b>&amp;\\n'; echo two >&2; exec sleep 1000`,
    );
    await page.getByRole("button", { name: "Start" }).click();
    await page.waitForURL("**/jobs/*");
    const log = page.getByRole("log");
    await log.locator(".stdout .bold.fg-1", { hasText: /^one$/ }).waitFor();
    await log.locator(".stdout", { hasText: "one <b>&amp;" }).waitFor();
    await log.locator(".stderr", { hasText: "two" }).waitFor();
    assert.equal(await log.locator("b").count(), 0);

    await page.getByRole("button", { name: "Stop …" }).click();
    await page.getByRole("button", { name: "Let it run" }).click();
    assert.equal(await page.locator("#status").innerText(), "running");
    await page.getByRole("button", { name: "Stop …" }).click();
    await page.getByRole("button", { name: "Stop it" }).click();
    await page.locator("#status .cancelled").waitFor();
    await page.getByText("complete", { exact: true }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Stop …" }).count(), 0);
    assert.match(await page.locator("#gist").innerText(), /exit SIGTERM/);
    assert.match(await page.locator("#why").innerText(), /stopped by a user/);

    await page.getByRole("link", { name: "Jobs", exact: true }).click();
    await page.locator("tbody .cancelled").waitFor();
    await page.getByRole("link", { name: /^running/ }).click();
    await page.getByText("No jobs").waitFor();
    await page.getByRole("link", { name: /^all/ }).click();
    await page.getByText("1 job", { exact: true }).waitFor();
    await page.getByLabel("Search").fill("no such words");
    await page.getByText("No jobs").waitFor();
    await page.getByLabel("Search").fill("ECHO two");
    await page.getByText("1 job", { exact: true }).waitFor();
    browser.assertClean();
  },
);

browserTest(
  "The log keeps its newest lines, and holds still for a reader who scrolls back",
  async (browser) => {
    const { page } = browser;
    await page.goto("/");
    await page.getByRole("link", { name: "Start a job" }).click();
    await page.getByLabel("Working directory").fill("/tmp");
    await page.getByLabel("Command line").fill(
      "mkfifo $JOB_ID; seq 7000; read -r _ < $JOB_ID; rm $JOB_ID; seq 7001 9000",
    );
    await page.getByRole("button", { name: "Start" }).click();
    await page.waitForURL("**/jobs/*");
    const log = page.getByRole("log");
    await log.getByText("7000", { exact: true }).waitFor();
    assert.equal(await log.locator(".line").count(), 5000);
    assert.equal(await page.getByLabel("Follow").isChecked(), true);

    /** How far below the upper edge of the log a line is: what is above it on the page may grow. */
    const placeOf = async (text: string) => {
      const [line, box] = await Promise.all([
        log.getByText(text, { exact: true }).boundingBox(),
        log.boundingBox(),
      ]);
      return (line?.y ?? NaN) - (box?.y ?? NaN);
    };
    await log.evaluate((box) => box.scrollTop = box.scrollHeight / 2 + box.scrollHeight / 4);
    await page.locator("#follow:not(:checked)").waitFor();
    const before = await placeOf("6000");
    const jobId = new URL(page.url()).pathname.split("/").at(-1);
    await Deno.writeTextFile(`/tmp/${jobId}`, "go\n");
    await log.getByText("9000", { exact: true }).waitFor({ state: "attached" });
    assert.equal(await log.locator(".line").count(), 5000);
    assert.ok(Math.abs(await placeOf("6000") - before) < 2, "The lines have moved");

    await page.getByLabel("Follow").check();
    await log.getByText("9000", { exact: true }).waitFor();
    const rest = await log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
    assert.ok(rest < 2);
    browser.assertClean();
  },
);

browserTest("Whoever has not logged in sees nothing but where to", async (browser) => {
  const { page } = browser;
  await page.goto("/");
  await page.getByRole("button", { name: "Log in" }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/login");
  assert.equal(await page.locator("table, nav").count(), 0);
  browser.assertClean();
}, { password: null });
