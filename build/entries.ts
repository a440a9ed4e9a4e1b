/**
 * The modules that a process begins with, once everything is bundled.
 *
 * Before it runs anything, Deno reads all files that it can tell may be imported, now or later. Of the whole program
 * these are 150, and take as long as starting the runtime; but what has no permission to read files may load no others.
 * And the bundler has an entry import its own part that loads `node:module`, which takes as long again.
 *
 * @module
 */

import { join } from "node:path";
import { OWN_ROLES } from "../lib/daemon/roles.ts";

/** What is imported when the code comes to it. */
const IMPORTED = /\bimport\(("[^"]+")\)/g;

/** What is imported for the order in which it runs: nothing of an entry depends on that. */
const FOR_ORDER = /^import "\.\/chunk-\w+\.js";\n/gm;

/** Has the CLI load what it imports by `import()` when it comes to that, and nothing for it before. */
export async function writeCliEntry(directory: string): Promise<void> {
  await hideAll(directory, "cli.js", "cli.js", () => true);
}

/**
 * Makes entries of `server.js`: `engine.js`, which loads everything when it comes to that, as it may read all files, and one
 * for each role, which may read no files but those that Deno can tell of that role.
 */
export async function writeDaemonEntries(directory: string): Promise<void> {
  const isOfRole = (part: string) => OWN_ROLES.some((role) => isPartOf(part, role));
  await hideAll(directory, "server.js", "engine.js", (part) => !isOfRole(part));
  const code = await Deno.readTextFile(join(directory, "server.js"));
  for (const role of OWN_ROLES) {
    const own = hidden(code, (part) => !isPartOf(part, role));
    await Deno.writeTextFile(join(directory, `${role}.js`), own);
  }
}

/**
 * Hides from Deno what an entry imports later, and what its parts do.
 *
 * @param isOwn whether nothing but this entry loads a part
 */
async function hideAll(
  directory: string,
  from: string,
  to: string,
  isOwn: (part: string) => boolean,
): Promise<void> {
  const code = await Deno.readTextFile(join(directory, from));
  await Deno.writeTextFile(join(directory, to), hidden(code, () => true));
  for (const [, name = ""] of code.matchAll(IMPORTED)) {
    const part = JSON.parse(name);
    if (!isOwn(part)) continue;
    const path = join(directory, part);
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replaceAll(IMPORTED, "import(String($1))"));
  }
}

/** The code of an entry that hides some of what it imports later; what it loads imports itself what it needs. */
function hidden(code: string, isHidden: (part: string) => boolean): string {
  return code.replaceAll(FOR_ORDER, "").replaceAll(
    IMPORTED,
    (whole, name) => isHidden(JSON.parse(name)) ? `import(String(${name}))` : whole,
  );
}

/** Whether a part is the module of a role, such as `lib/daemon/gateway.ts` or `lib/daemon/agent_role.ts`. */
function isPartOf(part: string, role: string): boolean {
  return new RegExp(`^\\./${role}(_role)?-`).test(part);
}
