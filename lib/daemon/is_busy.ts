import { delay } from "../async/delay.ts";
import { shellOutput } from "./shell_output.ts";

/** How long to watch a process. */
const WATCH_MS = 1_000;

/**
 * Watches a process for a second to see whether it uses a processor, or waits for one or for the disk. If so, and
 * it does not answer, it is slow rather than stuck: the machine has too much to do, or the process has.
 *
 * @param setsid absolute path of setsid(1)
 */
export async function isBusy(
  pid: number,
  { setsid, signal }: { readonly setsid: string; readonly signal: AbortSignal },
): Promise<boolean> {
  const before = await usageOf(pid, setsid);
  // Suspended, or dead.
  if (before === null || "TtZX".includes(before.state)) return false;
  await delay(WATCH_MS, { signal });
  const after = await usageOf(pid, setsid);
  return after !== null && (after.ticks > before.ticks || "RD".includes(after.state));
}

/** The state of a process and the processor time that it has used, see proc_pid_stat(5). */
async function usageOf(
  pid: number,
  setsid: string,
): Promise<{ state: string; ticks: number } | null> {
  const script = 'read -r line <"/proc/$1/stat" && echo "$line"';
  const { text } = await shellOutput(script, [`${pid}`], setsid);
  // Its name is in parentheses, and may hold some.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = ""] = fields;
  return state === "" ? null : { state, ticks: Number(fields[11]) + Number(fields[12]) };
}
