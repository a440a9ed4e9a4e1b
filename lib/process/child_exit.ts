import { messageOf } from "../errors.ts";
import type { ExitStatus } from "../job/types.ts";

/** How a child process ends. Never rejects. */
export async function exitOf(child: Pick<Deno.ChildProcess, "status">): Promise<ExitStatus> {
  try {
    const { code, signal } = await child.status;
    return signal === null ? { code } : { signal };
  } catch (error) {
    // Deno has no name for a real-time signal and rejects: "Invalid signal: 34".
    const number = /Invalid signal: (\d+)/.exec(messageOf(error))?.[1];
    return { signal: number === undefined ? "SIGUNKNOWN" : `SIG${number}` };
  }
}

/** The same in words. Never rejects. */
export async function endOf(child: Pick<Deno.ChildProcess, "status">): Promise<string> {
  const exit = await exitOf(child);
  return "signal" in exit ? `by ${exit.signal}` : `it exited with code ${exit.code}`;
}
