/** What a job runs. */
export interface BareCommand {
  readonly name: string;
  readonly args: readonly string[];
}

/** What a job prints, the first piece empty once it runs; and its exit code. */
export type BareRun = AsyncGenerator<Uint8Array<ArrayBuffer>, number, undefined>;

/** As much as a pipe holds, see pipe(7). */
const PIPE_BYTES = 64 * 1024;

/** By itself a job would be allowed as many open files as Deno allows itself. */
const USUAL_FILES = ["sh", "-c", 'ulimit -S -n 1024; exec "$@"', "sh"];

/** Runs a command in a session of its own, and drops what it prints to stderr. */
export async function* runHere(
  { name, args }: BareCommand,
  options: { readonly withUsualFiles?: boolean } = {},
): BareRun {
  const { status, stdout, stderr } = new Deno.Command("setsid", {
    args: [...options.withUsualFiles ? USUAL_FILES : [], name, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const discarded = stderr.cancel();
  yield new Uint8Array();
  const reader = stdout.getReader({ mode: "byob" });
  for (;;) {
    const { value, done } = await reader.read(new Uint8Array(PIPE_BYTES));
    if (done || value === undefined) break;
    yield value;
  }
  await discarded;
  return (await status).code;
}
