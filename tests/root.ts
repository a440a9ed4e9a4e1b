/** Registers a test of what only root can do; elsewhere it is reported as skipped, and why. */
export function rootTest(name: string, fn: () => Promise<void>): void {
  const isRoot = Deno.uid() === 0;
  Deno.test({ name: isRoot ? name : `${name} (skipped: needs root)`, ignore: !isRoot, fn });
}
