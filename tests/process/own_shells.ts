import { allProcesses } from "../worker/fixture.ts";

/** The process ids of the shells that this process asks the kernel by. */
export async function ownShells(): Promise<number[]> {
  const mine = (await allProcesses()).filter(({ parent }) => parent === Deno.pid);
  const lines = await Promise.all(
    mine.map(({ pid }) => Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "")),
  );
  return mine.filter((_, at) => lines[at]?.includes("PROC_SHELL")).map(({ pid }) => pid);
}
