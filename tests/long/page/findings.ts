import axe from "axe-core";
import type { Page } from "playwright-core";
import { assert } from "../../assert.ts";

const SIZES = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
const THEMES = ["light", "dark"] as const;

/** What axe finds on a page, rule by rule, in both themes and both sizes. */
export async function findings(page: Page, name: string): Promise<string[]> {
  const found: string[] = [];
  // Outside the policy of the page, which lets nothing be loaded but what is ours.
  await page.evaluate(axe.source);
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of THEMES) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      const { violations, passes } = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
        return await axe.run();
      });
      assert.ok(passes.length > 10, `axe has looked at nothing of ${name}`);
      for (const { id, help, nodes } of violations) {
        const where = nodes.slice(0, 3).map(({ html, any }) => `${html} ${any[0]?.message}`);
        found.push(`${name}, ${size}, ${colorScheme}: ${id}: ${help}: ${where.join("\n")}`);
      }
    }
  }
  return found;
}
