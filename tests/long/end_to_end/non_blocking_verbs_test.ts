import { assert } from "../../assert.ts";
import { sharedDaemon } from "../../end_to_end/daemon.ts";
import { runNonBlocking } from "../../end_to_end/non_blocking.ts";
import { programLine } from "../../programs.ts";
import { sha256 } from "../../worker/fixture.ts";

const daemon = await sharedDaemon();

Deno.test("Every verb prints the same to a non-blocking stream", async () => {
  const words = "x".repeat(2_000);
  const jobId = await daemon.ran(`seq 0 4999; : ${words}`);
  for (let count = 0; count < 3; count++) await daemon.ran(`: ${words}`);
  const lines = [
    ["--help"],
    ["run", "--help"],
    ["completions", "bash"],
    ["__complete", "st"],
    ["list"],
    ["list", "--json"],
    ["status", jobId],
    ["status", jobId, "--json"],
    ["logs", "all", jobId, "--json"],
    ["logs", "all", jobId, "--timestamps"],
    ["wait", jobId, "--json"],
    ["prune", "--keep", "0", "--dry-run"],
  ];
  for (const line of lines) {
    const [expected, { code, stdout, stderr }] = await Promise.all([
      daemon.cli(line),
      runNonBlocking(daemon.cliLine(line), "pipe", "stdout"),
    ]);
    assert.deepEqual([code, stderr], [expected.code, expected.stderr], line.join(" "));
    assert.equal(new TextDecoder().decode(stdout), expected.stdout, line.join(" "));
  }
  const wrong = await runNonBlocking(daemon.cliLine([words.repeat(4)]), "pipe", "stderr");
  assert.deepEqual([wrong.code, wrong.stderr.length > 8_000], [2, true]);
  const daemonLine = programLine("worker-daemon", daemon.directory);
  const [help, expected] = await Promise.all([
    runNonBlocking([...daemonLine, "--help"], "pipe", "stdout"),
    new Deno.Command(daemonLine[0] ?? "", { args: [...daemonLine.slice(1), "--help"] }).output(),
  ]);
  assert.equal(await sha256(help.stdout), await sha256(expected.stdout));
});
