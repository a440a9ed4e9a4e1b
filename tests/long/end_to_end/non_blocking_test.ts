/** A pipe, socket or terminal on which a program beside us has set `O_NONBLOCK`. */

import { assert } from "../../assert.ts";
import { randomBytes, sha256 } from "../../worker/fixture.ts";
import { sharedDaemon } from "../../end_to_end/daemon.ts";
import { runNonBlocking } from "../../end_to_end/non_blocking.ts";

const daemon = await sharedDaemon();

const bytes = randomBytes(400_000);
const path = `${daemon.directory}/random`;
await Deno.writeFile(path, bytes);
const text = Array.from({ length: 5_000 }, (_, index) => `${index}\n`).join("");

Deno.test("run, output and logs print every byte to a non-blocking stream, and exit as ever", async () => {
  const jobId = await daemon.ran(`cat ${path}; exit 3`);
  const lines: [string[], number][] = [
    [["run", "--", "sh", "-c", `cat ${path}; exit 3`], 3],
    [["output", jobId], 3],
    [["logs", "all", jobId], 0],
    [["logs", "stdout", jobId, "--follow"], 0],
  ];
  for (const [line, status] of lines) {
    for (const kind of line[0] === "run" ? ["pipe", "socket"] as const : ["pipe"] as const) {
      const { code, stdout, stderr } = await runNonBlocking(daemon.cliLine(line), kind, "stdout");
      assert.deepEqual([code, stderr], [status, ""], line.join(" "));
      assert.equal(stdout.length, bytes.length);
      assert.equal(await sha256(stdout), await sha256(bytes));
    }
  }
  const typed = await runNonBlocking(
    daemon.cliLine(["run", "--", "seq", "0", "4999"]),
    "terminal",
    "stdout",
  );
  assert.equal(typed.code, 0, typed.stderr);
  assert.equal(new TextDecoder().decode(typed.stdout).replaceAll("\r", ""), text);
});

Deno.test("run prints all of the job's standard error to a non-blocking stream", async () => {
  const line = daemon.cliLine(["run", "--", "sh", "-c", "seq 0 4999 >&2; exit 4"]);
  const { code, stdout, stderr } = await runNonBlocking(line, "pipe", "stderr");
  assert.deepEqual([code, stdout.length], [4, 0]);
  assert.equal(stderr, text);
});

Deno.test("run -i waits for input from a non-blocking pipe or socket", async () => {
  for (const kind of ["pipe", "socket"] as const) {
    const line = daemon.cliLine(["run", "-i", "--", "sha256sum"]);
    const { code, stdout, stderr } = await runNonBlocking(line, kind, "stdin", path);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(new TextDecoder().decode(stdout), `${await sha256(bytes)}  -\n`);
  }
});
