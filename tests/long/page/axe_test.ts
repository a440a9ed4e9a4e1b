import type { Page } from "playwright-core";
import { assert } from "../../assert.ts";
import { servedPage } from "../../page/served.ts";
import { findings } from "./findings.ts";

const browserTest = await servedPage();

/** Every colour of a terminal in front of every other, and what else there is. */
const COLOURFUL = [
  "for f in 30 31 32 33 34 35 36 37 90 91 92 93 94 95 96 97; do",
  "for b in 40 41 42 43 44 45 46 47 100 101 102 103 104 105 106 107; do",
  `printf '\\033[%s;%smx\\033[0m\\033[7;%s;%smx\\033[0m' $f $b $f $b; done; echo; done`,
  `printf '\\033[1mbold \\033[2;3mdim\\033[0m \\033[7minverse\\033[0m \\033[4;9mlines\\033[0m\\n'`,
  `printf '\\033[%sm%s\\033[0m ' 2 dim 31 red 7 inverse 41 behind >&2; echo >&2`,
].join("\n");

async function start(page: Page, line: string): Promise<void> {
  await page.goto("/new");
  await page.getByLabel("Command line").fill(line);
  await page.getByLabel("Labels").fill("team=blue\nnightly=yes");
  await page.getByRole("button", { name: "Start" }).click();
  await page.waitForURL("**/jobs/*");
}

browserTest("axe finds nothing on any page, in both themes and both sizes", async (browser) => {
  const { page } = browser;
  const found: string[] = [];
  const check = async (name: string) => void found.push(...await findings(page, name));
  await page.goto("/");
  await page.getByText("No jobs").waitFor();
  await check("an empty list");

  await start(page, "exit 3");
  await page.getByText("complete", { exact: true }).waitFor();
  await check("a failed job");

  await start(page, `${COLOURFUL}; echo the end; exec sleep 1000`);
  await page.getByRole("log").getByText("the end", { exact: true }).waitFor();
  await check("a running job");
  await page.locator("summary").click();
  await page.getByLabel("Times").selectOption("clock");
  await page.getByLabel("Find in the log").fill("x");
  await page.getByLabel("Find in the log").press("Enter");
  await page.locator("#log .chosen").waitFor();
  await check("a job with all that opens");
  await page.getByRole("button", { name: "Stop …" }).click();
  await check("a job that is about to be stopped");
  await page.getByRole("button", { name: "Stop it" }).click();
  await page.locator("#status .cancelled").waitFor();

  await page.getByRole("link", { name: "Run again" }).click();
  await page.getByLabel("Working directory").fill("/nowhere");
  await page.getByRole("button", { name: "Start" }).click();
  await page.locator("#start-problem").getByText("/nowhere").waitFor();
  await check("a job that cannot be started again");

  await page.goto("/");
  await page.locator("tbody .cancelled").waitFor();
  await page.getByRole("button", { name: "?" }).click();
  await check("the keys");
  await page.goto("/?label=team%3Dblue&status=failed");
  await check("a list with filters");
  const response = await page.goto("/jobs/01890a5d-ac96-774b-bcce-b302099a8057");
  assert.equal(response?.status(), 404);
  await check("a problem");
  assert.deepEqual(found, []);
});
