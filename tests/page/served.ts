/**
 * The page of a real daemon in front of real browsers.
 *
 * @module
 */

import { join } from "node:path";
import type { Role } from "../../lib/auth/identity.ts";
import { setPassword } from "../../lib/auth/password_file_edit.ts";
import { TestCertificates } from "../certificates.ts";
import { TestDaemon } from "../end_to_end/daemon.ts";
import { until } from "../worker/fixture.ts";
import { HAS_CHROMIUM, TestBrowser, type TestBrowserOptions } from "./browser.ts";

/** Alice's. */
export const PASSWORD = "correct horse";

/** Makes a test in a browser. */
export type BrowserTest = (
  name: string,
  use: (browser: TestBrowser) => Promise<void>,
  options?: Partial<TestBrowserOptions>,
) => void;

/**
 * Starts a daemon that serves the page to Alice, who may start and stop jobs, for the tests of a file. It ends when
 * they have.
 */
export async function servedPage(): Promise<BrowserTest> {
  await using resources = new AsyncDisposableStack();
  const origin = HAS_CHROMIUM ? await serve(resources) : "";
  const owned = resources.move();
  Deno.test.afterAll(() => owned[Symbol.asyncDispose]());
  return (name, use, options = {}) =>
    Deno.test({
      name: HAS_CHROMIUM ? name : `${name} (needs the package chromium)`,
      ignore: !HAS_CHROMIUM,
      // playwright-core starts operations of its own with the first browser, and ends them with the
      // process; the browser and the daemon are closed here.
      sanitizeOps: false,
      sanitizeResources: false,
      async fn() {
        const as = { origin, user: "alice", password: PASSWORD, ...options };
        await using browser = await TestBrowser.open(as);
        await use(browser);
      },
    });
}

/**
 * Starts a daemon that serves the page to Alice.
 *
 * @param resources what ends it
 * @param roles hers
 * @returns its origin
 */
export async function serve(
  resources: AsyncDisposableStack,
  roles: readonly Role[] = ["operator"],
): Promise<string> {
  const certificates = resources.use(await TestCertificates.create());
  const users = join(certificates.directory, "users.htpasswd");
  await setPassword(users, "alice", { password: PASSWORD, roles });
  const args = ["--rest-address=127.0.0.1:0", `--users=${users}`];
  const daemon = resources.use(await TestDaemon.start(certificates, { args }));
  const [, address = ""] = await until(async () =>
    /serving REST at (https:\/\/\S+)\n/.exec((await daemon.outputs()).stdout) ?? false
  );
  return address;
}
