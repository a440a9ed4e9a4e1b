/**
 * Takes the screenshots of README.md, or of all pages in both themes and both sizes, for those who change them:
 *
 * ```sh
 * deno run -A tests/page/screenshots.ts docs/screenshots
 * deno run -A tests/page/screenshots.ts /tmp/pages all
 * ```
 *
 * @module
 */

import type { Page } from "playwright-core";
import { TestBrowser } from "./browser.ts";
import { PASSWORD, serve } from "./served.ts";

const SIZES = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
const THEMES = ["light", "dark"] as const;

/** The pictures of README.md. */
const IN_README = ["job_desk_light", "list_phone_dark"];

const BUILD = [
  "set -e; cd /tmp",
  'for n in $(seq 1 120); do echo "step $n of 120: compiling module_$n.c with all of the usual flags"; done',
  String
    .raw`printf '\033[1;32mok\033[0m 12 passed \033[41mFAIL\033[0m \033[43mwarn\033[0m \033[44minfo\033[0m\n'`,
  "echo \"warning: module_137.c:12: unused variable 'x'\" >&2",
  "exec sleep 1000",
].join("\n");

/** What others have run, over and over. */
const OTHERS = [
  { line: "make -j4 all 2>&1", name: "", labels: { team: "blue" } },
  { line: "tar czf /backup/home.tar.gz /home", name: "backup", labels: { team: "ops" } },
  { line: "echo hello", name: "", labels: {} },
  { line: "exit 3", name: "", labels: { ci: "build-128" } },
  { line: "kill -9 $$", name: "", labels: {} },
  { line: "test -d / && echo done", name: "check-disk", labels: { team: "ops", nightly: "" } },
];

/** Starts a job from the page itself, and waits for its end if it has one. */
async function start(page: Page, line: string, more: object = {}, isWaitedFor = true) {
  return await page.evaluate(async ([line, more, isWaitedFor]) => {
    const command = { name: "sh", args: ["-c", line] };
    const response = await fetch("/v1/jobs", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ command, ...more }),
    });
    const { jobId } = await response.json();
    if (isWaitedFor) await (await fetch(`/v1/jobs/${jobId}?wait=30s`)).text();
    return jobId as string;
  }, [line, more, isWaitedFor] as const);
}

async function logIn(page: Page): Promise<void> {
  await page.goto("/");
  await page.getByLabel("User").fill("alice");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("button", { name: "Log out" }).waitFor();
}

/** The pages by name, each as what leads to it. */
const PAGES: Readonly<Record<string, (page: Page, jobId: string) => Promise<void>>> = {
  list: async (page) => {
    await page.goto("/");
    await page.locator("#jobs tr").first().waitFor();
  },
  job: async (page, jobId) => {
    await page.goto(`/jobs/${jobId}`);
    await page.getByRole("log").getByText("unused variable").waitFor();
    await page.locator("#gist").getByText(/running for [1-9]/).waitFor();
  },
  command: async (page, jobId) => {
    await page.goto(`/jobs/${jobId}`);
    await page.locator("summary").click();
  },
  again: async (page, jobId) => void await page.goto(`/new?from=${jobId}`),
  logins: async (page) => void await page.goto("/sessions"),
  keys: async (page) => {
    await page.goto("/?status=failed&label=team%3Dblue");
    await page.keyboard.press("?");
  },
  nowhere: async (page) => void await page.goto("/nowhere"),
};

/** Pictures for one reader of each size, theme and page that is wanted. */
async function take(page: Page, jobId: string, take: (name: string) => boolean, into: string) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of THEMES) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      for (const [name, open] of Object.entries(PAGES)) {
        const picture = `${name}_${size}_${colorScheme}`;
        if (!take(picture)) continue;
        await open(page, jobId);
        await page.screenshot({ path: `${into}/${picture}.png` });
      }
    }
  }
}

if (import.meta.main) {
  const [into = "docs/screenshots", which = "of README.md"] = Deno.args;
  await using resources = new AsyncDisposableStack();
  const origin = await serve(resources, ["admin"]);
  await using browser = await TestBrowser.open({ origin, user: "alice", password: null });
  const { page } = browser;
  await logIn(page);
  for (let round = 0; round < 20; round++) {
    for (const { line, name, labels } of OTHERS) await start(page, line, { name, labels });
  }
  await start(page, "sleep 1; exit 1", { execution: { timeoutMs: 200 } });
  await start(page, "exec sleep 1000", { name: "web-server" }, false);
  const labels = { team: "blue", nightly: "yes" };
  const jobId = await start(page, BUILD, { labels }, false);
  const isWanted = (name: string) => which === "all" || IN_README.includes(name);
  await take(page, jobId, isWanted, into);
  if (which === "all") {
    await page.goto("/");
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("User").fill("alice");
    await page.getByLabel("Password").fill("wrong");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("wrong password").waitFor();
    await page.screenshot({ path: `${into}/login_phone_dark.png` });
  }
}
