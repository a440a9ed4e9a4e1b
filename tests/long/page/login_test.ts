import { assert } from "../../assert.ts";
import { PASSWORD, servedPage } from "../../page/served.ts";
import { findings } from "./findings.ts";

const browserTest = await servedPage();

browserTest(
  "One logs in on the page, goes on to where one wanted, and logs out",
  async (browser) => {
    const { page } = browser;
    await page.goto("/?status=failed");
    await page.waitForURL("**/login?to=*");
    assert.deepEqual(await findings(page, "the login"), []);
    await page.getByLabel("User").fill("alice");
    await page.getByLabel("Password").fill("guess");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("Unknown user or wrong password").waitFor();
    await page.getByLabel("User").fill("alice");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.waitForURL("**/?status=failed");
    await page.getByText("No jobs").waitFor();

    await page.goto("/new");
    await page.getByLabel("Command line").fill("echo hello");
    await page.getByRole("button", { name: "Start" }).click();
    await page.waitForURL("**/jobs/*");
    await page.getByRole("log").getByText("hello", { exact: true }).waitFor();
    const job = page.url();
    await page.getByRole("link", { name: "alice" }).click();
    await page.getByRole("cell", { name: "127.0.0.1 (here)" }).waitFor();
    assert.deepEqual(await findings(page, "the logins"), []);
    await page.getByRole("button", { name: "Log out" }).click();
    await page.waitForURL("**/login");
    await page.goto(job);
    await page.waitForURL("**/login?to=*");
    // The browser reports the refused login.
    assert.deepEqual(browser.errors.splice(0).filter((text) => !/403/.test(text)), []);
    browser.assertClean();
  },
  { password: null },
);
