/**
 * What a machine of a user's has that tests of the executables need, and nothing more.
 *
 * @module
 */

/** The programs of coreutils that the executables say they need. No shell, no tar, no deno, no node. */
const COREUTILS = "chmod dirname id ls mkdir mktemp mv readlink rm sha256sum stat tail".split(" ");

/** Whom the executables are run by, if the tests are run by root. */
export const NOBODY = 65534;

/** The words before a program that make it nobody's. */
export const AS_NOBODY: readonly string[] = [
  "/usr/bin/setpriv",
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  "--clear-groups",
];

/** Makes a directory that serves as a `PATH` with coreutils in it. */
export async function makePath(directory: string): Promise<void> {
  await Deno.mkdir(directory);
  for (const name of COREUTILS) {
    const there = await Deno.stat(`/usr/bin/${name}`).then(() => true, () => false);
    await Deno.symlink(`${there ? "/usr" : ""}/bin/${name}`, `${directory}/${name}`);
  }
}
