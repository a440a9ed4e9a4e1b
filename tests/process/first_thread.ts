const EXIT = { x86_64: 60, aarch64: 93 }[Deno.build.arch as string];

const SCRIPT = `Deno.dlopen("libc.so.6", {
  syscall: { parameters: ["i64", "i64"], result: "i64" },
}).symbols.syscall(${EXIT}n, 0n);`;

/**
 * Program and arguments of a process whose first thread ends, exit(2), while others run on: /proc shows it as a
 * zombie, which it is not. It ends by a signal only.
 */
export const WITHOUT_FIRST_THREAD: readonly [string, ...string[]] = [
  Deno.execPath(),
  "eval",
  SCRIPT,
];

/** Waits until /proc shows it as a zombie. */
export async function shownAsZombie(pid: number): Promise<boolean> {
  return /\) Z [^)]*$/.test(await Deno.readTextFile(`/proc/${pid}/stat`));
}
