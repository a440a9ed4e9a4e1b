import { fstatSync, type Stats } from "node:fs";
import { PIPE_BUF, StandardOutput } from "./standard_output.ts";

/**
 * Both outputs of this process, for much text: the same object twice if they go to one terminal, pipe or socket.
 *
 * It is not in the module of {@linkcode StandardOutput}, since `node:fs` takes Deno 40 ms to load, twice as long as to
 * start.
 */
export function bothOutputs(): {
  readonly stdout: StandardOutput;
  readonly stderr: StandardOutput;
} {
  const [out, err] = [fstatSync(1), fstatSync(2)];
  const stderr = StandardOutput.stderr();
  if (isSame(out, err)) return { stdout: stderr, stderr };
  const atomicBytes = out.isFIFO()
    ? PIPE_BUF
    : out.isSocket() || Deno.stdout.isTerminal()
    ? 1
    : null;
  return { stdout: StandardOutput.stdout(atomicBytes), stderr };
}

/**
 * Whether both are the same terminal, pipe or socket. Not files: each descriptor has an offset of
 * its own.
 */
function isSame(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino && !one.isFile();
}
