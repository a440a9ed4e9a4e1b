import { ROOT } from "../programs.ts";

/**
 * What a program prints with `O_NONBLOCK` on one of its streams, see `tests/non_blocking.py`.
 *
 * @param input path of what it reads
 */
export async function runNonBlocking(
  line: readonly string[],
  kind: "pipe" | "socket" | "terminal",
  stream: "stdin" | "stdout" | "stderr",
  input?: string,
): Promise<{ code: number; stdout: Uint8Array<ArrayBuffer>; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: [
      "-c",
      'exec "$@" <"$0"',
      input ?? "/dev/null",
      "python3",
      `${ROOT}tests/non_blocking.py`,
      kind,
      stream,
      ...line,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  return { code, stdout, stderr: new TextDecoder().decode(stderr) };
}
