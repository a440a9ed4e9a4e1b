/**
 * Runs a program by setsid(1), which is all that the engine is permitted to start, and returns what it prints.
 *
 * @param setsid absolute path of setsid(1)
 */
export async function programOutput(
  setsid: string,
  args: readonly string[],
): Promise<{ code: number; text: string }> {
  const { code, stdout } = await new Deno.Command(setsid, {
    args: [...args],
    stdin: "null",
    stderr: "null",
  }).output();
  return { code, text: new TextDecoder().decode(stdout) };
}
