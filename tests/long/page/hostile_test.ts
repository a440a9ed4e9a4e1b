import type { Page } from "playwright-core";
import { assert } from "../../assert.ts";
import { servedPage } from "../../page/served.ts";
import { findings } from "./findings.ts";

const browserTest = await servedPage();

/** Markup that would show if it were taken for that, in all places where it might be. */
const MARKUP =
  `"><img src=x onerror="document.title='owned'"><script>document.title='owned'</script></title><!--'&lt;`;
/** What turns text around, what a terminal would obey, and what has no width. */
const TRICKS = "\u202egnp.exe \u2066x \u001b]0;owned\u0007\u001b[2J\u0000\u200b\ud83d\ude00";

async function start(page: Page, args: readonly string[], labels: Record<string, string>) {
  return await page.evaluate(async ([args, labels]) => {
    const response = await fetch("/v1/jobs", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ command: { name: "sh", args }, labels }),
    });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()).jobId as string;
  }, [args, labels] as const);
}

async function assertHarmless(page: Page, where: string): Promise<void> {
  assert.doesNotMatch(await page.title(), /^owned/, where);
  assert.equal(await page.locator("img, iframe, main script").count(), 0, where);
  const width = await page.locator("body").evaluate((body) => body.scrollWidth);
  assert.ok(width <= (page.viewportSize()?.width ?? 0), `${where} is ${width} px wide`);
}

browserTest(
  "What jobs are called, print and carry is text, whatever it looks like",
  async (browser) => {
    const { page } = browser;
    await page.goto("/");
    const shown = TRICKS.replace("\0", "");
    const labels = { markup: MARKUP, long: "x".repeat(256), wide: "\ufdfd".repeat(100) };
    const script = `printf '%s\n' "$1" "$2" '${"y".repeat(100_000)}' >&2; echo the end; exit 1`;
    const jobId = await start(page, ["-c", script, "sh", MARKUP, shown], labels);
    for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
      await page.setViewportSize(viewport);
      await page.goto("/");
      await page.locator("#jobs tr").first().waitFor();
      await assertHarmless(page, "the list");
      const cell = await page.locator(`#link-${jobId}`).innerText();
      assert.ok(cell.length < 1000, "A long command is cut off");
      await page.goto(`/?${new URLSearchParams({ label: `markup=${MARKUP}`, q: MARKUP })}`);
      await page.getByText("1 job", { exact: true }).waitFor();
      await assertHarmless(page, "a filter");
      await page.goto(`/jobs/${jobId}`);
      await page.getByRole("log").getByText("the end", { exact: true }).waitFor();
      await page.getByRole("log").getByText(MARKUP, { exact: true }).waitFor();
      await assertHarmless(page, "a log");
      await page.locator("summary").click();
      await assertHarmless(page, "a command");
      // Nothing of the command turns what is beside it around.
      assert.doesNotMatch(await page.locator("details").innerText(), /[^\P{Cc}\n]|\p{Cf}/u);
      await page.goto(`/new?from=${jobId}`);
      await assertHarmless(page, "the form");
      await page.goto(`/login?${new URLSearchParams({ to: `/${MARKUP}` })}`);
      await assertHarmless(page, "the login");
      await page.goto(`/jobs/${encodeURIComponent(MARKUP)}`);
      await assertHarmless(page, "a job that does not exist");
      await page.goto(`/${encodeURIComponent(MARKUP)}`);
      await page.getByText("There is no such page").waitFor();
      await assertHarmless(page, "a page that does not exist");
    }
    assert.deepEqual(await findings(page, "a page that does not exist"), []);
    await page.goto("/");
    assert.deepEqual(await findings(page, "a list of hostile jobs"), []);
    // The browser reports what was not found.
    assert.deepEqual(browser.errors.splice(0).filter((text) => !/404/.test(text)), []);
    browser.assertClean();
  },
);
