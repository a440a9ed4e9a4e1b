/** What a process holds, from proc_pid_status(5) and proc_pid_fd(5). */
export interface Held {
  readonly pid: number;
  /** Resident memory, in bytes. */
  readonly memory: number;
  readonly descriptors: number;
}

/** @throws if there is no such process */
export async function heldBy(pid: number): Promise<Held> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  const descriptors = (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).length;
  return { pid, memory: Number(kibibytes) * 1024, descriptors };
}

/** `123 MB, 45 descriptors`. */
export function heldText({ memory, descriptors }: Held): string {
  return `${Math.round(memory / 1e6)} MB, ${descriptors} descriptors`;
}
