/** What the system says of this process. */
export interface SystemFacts {
  /** How many files it may have open, after Deno has raised its soft limit to the hard one. */
  readonly descriptors: number;
  readonly isRoot: boolean;
}

/**
 * Asks a shell, because Deno has no getrlimit(2), and the engine is permitted nothing else.
 *
 * @param setsid absolute path of setsid(1)
 */
export async function systemFacts(setsid: string): Promise<SystemFacts> {
  const { stdout } = await new Deno.Command(setsid, {
    args: ["sh", "-c", "ulimit -n; id -u"],
    stdin: "null",
    stderr: "null",
  }).output();
  const [descriptors = "", uid] = new TextDecoder().decode(stdout).trim().split("\n");
  return {
    descriptors: descriptors === "unlimited" ? Infinity : Number(descriptors),
    isRoot: uid === "0",
  };
}
