import { shellOutput } from "./shell_output.ts";

/**
 * How many files this process may have open, after Deno has raised its soft limit to the hard one.
 *
 * @param setsid absolute path of setsid(1)
 */
export async function descriptorLimit(setsid: string): Promise<number> {
  const limit = (await shellOutput("ulimit -n", [], setsid)).text.trim();
  return limit === "unlimited" ? Infinity : Number(limit);
}
