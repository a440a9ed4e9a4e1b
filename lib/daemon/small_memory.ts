import { findTool } from "../process/tools.ts";

/**
 * Has V8 keep what is new in a small space, and collect garbage for the first time when there are 8 MiB. By itself it
 * begins with hundreds, so a daemon that has had much to do would hold on to three times what it uses
 * [measured]. In half of the space for what is new it would collect twice as often, 0.3 ms a job. The task `start` of
 * deno.json says the same for the engine.
 */
export const V8_FLAGS = "--v8-flags=--max-semi-space-size=2,--initial-old-space-size=8";

/**
 * The size from which the C library takes a buffer from the system and gives it back, see mallopt(3); by itself it
 * raises that to 32 MiB. It is what Deno reads and writes at a time, so such buffers leave no holes between what
 * stays.
 */
const MMAP_THRESHOLD = "MALLOC_MMAP_THRESHOLD_=65536";

/** The words before the command line of a process that is to give back the memory that it does not use any more. */
export async function withSmallMemory(): Promise<string[]> {
  return [await findTool("env"), MMAP_THRESHOLD];
}
