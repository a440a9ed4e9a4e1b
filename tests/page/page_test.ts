import { join } from "node:path";
import { setPassword } from "../../lib/auth/password_file_edit.ts";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { TestDaemon } from "../end_to_end/daemon.ts";
import { until } from "../worker/fixture.ts";
import { HAS_CHROMIUM, TestBrowser } from "./browser.ts";

const PASSWORD = "correct horse";

await using resources = new AsyncDisposableStack();
const origin = HAS_CHROMIUM ? await servedPage() : "";
const owned = resources.move();
Deno.test.afterAll(() => owned[Symbol.asyncDispose]());

/** Starts a daemon that serves the page to Alice, who may start and stop jobs. */
async function servedPage(): Promise<string> {
  const certificates = resources.use(await TestCertificates.create());
  const users = join(certificates.directory, "users.htpasswd");
  await setPassword(users, "alice", { password: PASSWORD, roles: ["operator"] });
  const args = ["--rest-address=127.0.0.1:0", `--users=${users}`];
  const daemon = resources.use(await TestDaemon.start(certificates, { args }));
  const [, address = ""] = await until(async () =>
    /serving REST at (https:\/\/\S+)\n/.exec((await daemon.outputs()).stdout) ?? false
  );
  return address;
}

/** A test in a browser. */
function browserTest(
  name: string,
  use: (browser: TestBrowser) => Promise<void>,
  password: string = PASSWORD,
): void {
  Deno.test({
    name: HAS_CHROMIUM ? name : `${name} (needs the package chromium)`,
    ignore: !HAS_CHROMIUM,
    // playwright-core starts operations of its own with the first browser, and ends them with the
    // process; the browser and the daemon are closed here.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      await using browser = await TestBrowser.open({ origin, user: "alice", password });
      await use(browser);
    },
  });
}

browserTest(
  "The page starts a job, shows its lines as they come, and stops it",
  async (browser) => {
    const { page } = browser;
    await page.goto("/");
    await page.getByText("Start a job").click();
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
    assert.equal(await log.locator("time").first().isVisible(), false);
    await page.getByLabel("Times").check();
    assert.equal(await log.locator("time").first().isVisible(), true);

    await page.getByRole("button", { name: "Stop …" }).click();
    await page.getByRole("button", { name: "Let it run" }).click();
    assert.equal(await page.locator("#status").innerText(), "running");
    await page.getByRole("button", { name: "Stop …" }).click();
    await page.getByRole("button", { name: "Stop it" }).click();
    await page.locator("#status .cancelled").waitFor();
    await page.getByText("complete", { exact: true }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Stop …" }).count(), 0);
    assert.match(await page.locator("#facts").innerText(), /stopped by a user, killed by SIGTERM/);

    await page.getByRole("link", { name: "All jobs" }).click();
    await page.locator("tbody .cancelled").waitFor();
    await page.getByLabel("Status").selectOption("running");
    await page.getByText("No jobs").waitFor();
    await page.getByLabel("Status").selectOption("any");
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
    await page.getByText("Start a job").click();
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

browserTest("A wrong password opens nothing", async ({ page }) => {
  const response = await page.goto("/");
  assert.equal(response?.status(), 401);
  assert.match(await page.locator("main").innerText(), /wrong password/);
  assert.equal(await page.locator("table").count(), 0);
}, "guess");
