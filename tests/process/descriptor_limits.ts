/** The limits of open files of a process, see proc_pid_limits(5). */
export async function descriptorLimits(
  pid: number | "self",
): Promise<{ readonly soft: number; readonly hard: number }> {
  const text = await Deno.readTextFile(`/proc/${pid}/limits`);
  const [, soft, hard] = /^Max open files +(\d+) +(\d+)/m.exec(text) ?? [];
  return { soft: Number(soft), hard: Number(hard) };
}
