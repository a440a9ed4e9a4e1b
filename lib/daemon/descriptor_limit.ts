import { findTool } from "../process/tools.ts";
import { programOutput } from "./program_output.ts";

/**
 * How many files this process may have open, after Deno has raised its soft limit to the hard one.
 * A shell is asked, because Deno has no getrlimit(2).
 *
 * @param setsid absolute path of setsid(1)
 */
export async function descriptorLimit(setsid: string): Promise<number> {
  // Not by PATH, which may hold anything or nothing.
  const sh = await findTool("sh");
  const limit = (await programOutput(setsid, [sh, "-c", "ulimit -n"])).text.trim();
  return limit === "unlimited" ? Infinity : Number(limit);
}
