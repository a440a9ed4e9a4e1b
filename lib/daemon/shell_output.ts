import { FIND_TOOLS, findTool } from "../process/tools.ts";
import { programOutput } from "./program_output.ts";

/**
 * Runs a script by sh(1) and returns what it prints. A shell is asked what Deno cannot tell, or lets nobody with
 * scoped permissions find out.
 *
 * @param args its positional parameters
 * @param setsid absolute path of setsid(1)
 */
export async function shellOutput(
  script: string,
  args: readonly string[],
  setsid: string,
): Promise<{ code: number; text: string }> {
  return await programOutput(setsid, [
    ...[await findTool("sh"), "-c", FIND_TOOLS + script, "sh"],
    ...args,
  ]);
}
