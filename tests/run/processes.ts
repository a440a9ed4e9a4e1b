/**
 * A process that takes in the orphans among its descendants, see prctl(2): however often they have
 * forked or called setsid(2), it can list and kill all that it has started. It takes no privilege.
 *
 * @module
 */

/** From `linux/prctl.h` and `bits/waitflags.h`; the same on all architectures that Deno runs on. */
const PR_SET_PDEATHSIG = 1n;
const PR_SET_CHILD_SUBREAPER = 36n;
const SIGTERM = 15n;
const WNOHANG = 1;

const libc = Deno.dlopen("libc.so.6", {
  prctl: { parameters: ["u64", "u64", "u64", "u64", "u64"], result: "i32" },
  waitpid: { parameters: ["i32", "pointer", "i32"], result: "i32" },
  umount2: { parameters: ["buffer", "i32"], result: "i32" },
});

function prctl(option: bigint, value: bigint): void {
  if (libc.symbols.prctl(option, value, 0n, 0n, 0n) !== 0) {
    throw new Error(`prctl ${option} failed`);
  }
}

/** Has this process be sent SIGTERM when its parent dies, in whatever way. */
export function endWithParent(parent: number): void {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (Deno.ppid !== parent) throw new Error("Our parent has died");
}

/**
 * Becomes the parent of all orphans among its descendants, and reaps them as init would.
 *
 * @param own those that Deno waits for, and must not find reaped
 */
export function adoptOrphans(own: ReadonlySet<number>): void {
  prctl(PR_SET_CHILD_SUBREAPER, 1n);
  Deno.addSignalListener("SIGCHLD", () => {
    for (const { pid, parent } of processes()) {
      if (parent === Deno.pid && !own.has(pid)) libc.symbols.waitpid(pid, null, WNOHANG);
    }
  });
}

/**
 * Unmounts what is mounted at a path, see umount2(2). The program umount(8) would be a child, which
 * {@linkcode adoptOrphans} may reap before Deno does.
 */
export function unmount(path: string): void {
  libc.symbols.umount2(new TextEncoder().encode(`${path}\0`), 0);
}

/** A process as proc_pid_stat(5) shows it. */
interface Process {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
}

function* processes(): Generator<Process> {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const text = read(`/proc/${name}/stat`);
    const [state = "", parent = ""] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (text !== "") yield { pid: Number(name), state, parent: Number(parent) };
  }
}

/** All that this process has started, at whatever remove, and that still runs. */
export function descendants(): number[] {
  const all = [...processes()];
  const found = new Set([Deno.pid]);
  for (let size = 0; size < found.size;) {
    size = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  found.delete(Deno.pid);
  return all.filter(({ pid, state }) => found.has(pid) && !"ZX".includes(state))
    .map(({ pid }) => pid);
}

/** Describes a process. */
export function describe(pid: number): string {
  const line = read(`/proc/${pid}/cmdline`).split("\0").join(" ").trim().slice(0, 200);
  const [job = ""] = /JOB_ID=[^\0]*/.exec(read(`/proc/${pid}/environ`)) ?? [];
  return `process ${pid}: ${line} ${job}`.trim();
}

/** Kills all that this process has started, and what that starts meanwhile. */
export async function killDescendants(): Promise<void> {
  for (let left = descendants(); left.length > 0; left = descendants()) {
    for (const pid of left) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has gone since.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // The process has gone.
    return "";
  }
}
