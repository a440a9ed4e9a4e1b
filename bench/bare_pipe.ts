/**
 * What Deno needs to bring the output of a program into a file, and no more.
 *
 * Arguments: the file, and the program with its arguments.
 *
 * @module
 */

/** As much as a pipe holds, see pipe(7). */
const PIPE_BYTES = 64 * 1024;

const [path = "", program = "", ...args] = Deno.args;
using file = await Deno.open(path, { write: true, create: true });
const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped" }).spawn();
const reader = child.stdout.getReader({ mode: "byob" });
// The memory of a piece takes the next one.
for (let room = new ArrayBuffer(PIPE_BYTES);;) {
  const { value, done } = await reader.read(new Uint8Array(room));
  if (done || value === undefined) break;
  for (let at = 0; at < value.byteLength;) at += file.writeSync(value.subarray(at));
  room = value.buffer;
}
await child.status;
