import { findTool } from "../process/tools.ts";

/**
 * How many files this process may have open, after Deno has raised its soft limit to the hard one.
 * Asks a shell, because Deno has no getrlimit(2), and the engine is permitted nothing else.
 *
 * @param setsid absolute path of setsid(1)
 */
export async function descriptorLimit(setsid: string): Promise<number> {
  // Not by PATH, in which there may be anything or nothing.
  const sh = await findTool("sh");
  const { stdout } = await new Deno.Command(setsid, {
    args: [sh, "-c", "ulimit -n"],
    stdin: "null",
    stderr: "null",
  }).output();
  const limit = new TextDecoder().decode(stdout).trim();
  return limit === "unlimited" ? Infinity : Number(limit);
}
