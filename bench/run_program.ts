/**
 * Runs a command line, and says how long it took, in seconds.
 *
 * @throws if it fails
 */
export async function runProgram(
  [program = "", ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const startedAt = performance.now();
  const { code } = await new Deno.Command(program, { args, env, stdin: "null", stdout: "null" })
    .output();
  if (code !== 0) throw new Error(`Cannot measure: ${program} exits with ${code}`);
  return (performance.now() - startedAt) / 1000;
}
