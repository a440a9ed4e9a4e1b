/**
 * A headless Chromium in front of a real daemon, and all that it must not do.
 *
 * @module
 */

import { type BrowserContext, chromium, type Page } from "playwright-core";
import { assert } from "../assert.ts";
import { basic } from "../rest/fixture.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const PROGRAM = "/usr/bin/chromium";

/** Whether the Debian package `chromium` is there. */
export const HAS_CHROMIUM: boolean = await Deno.stat(PROGRAM).then(() => true, () => false);

/** Options of {@linkcode TestBrowser.open}. */
export interface TestBrowserOptions {
  /** `https://host:port` */
  readonly origin: string;
  readonly user: string;
  /** What it sends with each request; `null`: nothing. */
  readonly password: string | null;
}

/** One reader, and what went wrong in front of them. */
export class TestBrowser implements AsyncDisposable {
  readonly page: Page;
  /** Errors on the console, violations of the policy among them, and uncaught ones. */
  readonly errors: string[] = [];
  /** Addresses of other hosts that something was asked of. */
  readonly strangers: string[] = [];
  readonly #resources: AsyncDisposableStack;

  private constructor(
    context: BrowserContext,
    page: Page,
    origin: string,
    resources: AsyncDisposableStack,
  ) {
    this.#resources = resources;
    this.page = page;
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(message.text());
    });
    page.on("pageerror", (error) => this.errors.push(error.message));
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (url.origin !== origin && url.protocol !== "data:") this.strangers.push(url.href);
    });
  }

  static async open({ origin, user, password }: TestBrowserOptions): Promise<TestBrowser> {
    await using resources = new AsyncDisposableStack();
    // It writes into its home, which is not to be the user's.
    const home = resources.use(await temporaryDirectory());
    const browser = await chromium.launch({
      executablePath: PROGRAM,
      env: { ...Deno.env.toObject(), HOME: home.path },
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    resources.defer(() => browser.close());
    const context = await browser.newContext({
      baseURL: origin,
      ignoreHTTPSErrors: true,
      ...(password !== null && {
        extraHTTPHeaders: { Authorization: basic(user, password) },
      }),
    });
    resources.defer(() => context.close());
    // The machine may be busy with other tests.
    context.setDefaultTimeout(120_000);
    const page = await context.newPage();
    return new TestBrowser(context, page, origin, resources.move());
  }

  /** Fails if anything went wrong in front of the reader. */
  assertClean(): void {
    assert.deepEqual({ errors: this.errors, strangers: this.strangers }, {
      errors: [],
      strangers: [],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}
