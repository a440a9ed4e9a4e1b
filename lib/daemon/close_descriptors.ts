import script from "./close_descriptors.sh" with { type: "text" };
import { FIND_TOOLS, findTool } from "../process/tools.ts";

/** The script that becomes a program without the descriptors that were left to us. */
export const CLOSE_DESCRIPTORS: string = FIND_TOOLS + script;

/**
 * The words before a command line by which it starts without the descriptors that were left to us.
 *
 * @param kept but for these, which are below 10
 */
export async function withoutDescriptors(kept: readonly number[]): Promise<string[]> {
  return [await findTool("sh"), "-c", CLOSE_DESCRIPTORS, "sh", kept.join(" ")];
}
