/**
 * The files of the repository, for tests that read the sources.
 *
 * @module
 */

/** The top of the repository. `programs.ts` has it, too, but needs permissions that `deno task docs` lacks. */
const ROOT = new URL("../", import.meta.url).pathname;

/** Folders whose files a clone does not have, and pictures. */
const NOT_OURS = new Set([
  ".git",
  "data",
  "dist",
  "node_modules",
  "coverage",
  "certs",
  "screenshots",
]);

/** The files below a folder whose names match, as paths from the top of the repository, in order. */
export async function filesIn(folder: string, pattern: RegExp): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if (isDirectory && !NOT_OURS.has(name)) files.push(...await filesIn(path, pattern));
    else if (!isDirectory && pattern.test(name)) files.push(path);
  }
  return files.toSorted();
}

/** The sources that are layered: those of the programs, with their texts. */
export async function layeredSources(): Promise<Map<string, string>> {
  const paths = ["cli.ts", "server.ts", ...await filesIn("lib", /\.ts$/)];
  const texts = paths.map(async (path) => [path, await Deno.readTextFile(ROOT + path)] as const);
  return new Map(await Promise.all(texts));
}

/** The documents that people read: those at the top, and those in docs/. */
export async function documents(): Promise<string[]> {
  const top = (await Array.fromAsync(Deno.readDir(ROOT))).map(({ name }) => name);
  const pages = await filesIn("docs", /\.md$/);
  return [...top.filter((name) => name.endsWith(".md")).toSorted(), ...pages];
}
