/**
 * How many file descriptors a process of ours may have, after Deno has raised its soft limit to the
 * hard one. A shell is asked because Deno has no getrlimit(2).
 *
 * @param setsid absolute path of setsid(1), which is all that the engine may run
 */
export async function descriptorLimit(setsid: string): Promise<number> {
  const { stdout } = await new Deno.Command(setsid, {
    args: ["sh", "-c", "ulimit -n"],
    stdin: "null",
    stderr: "null",
  }).output();
  const text = new TextDecoder().decode(stdout).trim();
  return text === "unlimited" ? Infinity : Number(text);
}
