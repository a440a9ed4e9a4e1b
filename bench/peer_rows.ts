import { bareStarts } from "./bare_starts.ts";
import { rate } from "./measure.ts";
import { report } from "./report.ts";
import { runProgram } from "./run_program.ts";
import { findProgram, SshServer } from "./ssh_server.ts";

const LONG = 512 * 1024 * 1024;

/** What users would take instead, where it is installed, to what Deno starts without it. */
export async function benchPeers(directory: string): Promise<void> {
  const { rate: value } = await bareStarts({ jobs: 200, atATime: 1 });
  const bare = { value, name: "setsid true, drained, one at a time" };
  await using server = await SshServer.start(directory);
  if (server !== null) {
    const alone = await rate(20, 1, () => runProgram(server.line("true")));
    report("ssh, a connection each", alone, "/s", bare);
    await using shared = await server.share();
    report(
      "ssh, shared connection",
      await rate(100, 1, () => runProgram(shared.line("true"))),
      "/s",
      bare,
    );
    const time = await runProgram(shared.line("head", "-c", `${LONG}`, "/dev/zero"));
    const piped = await runProgram(["sh", "-c", `head -c ${LONG} /dev/zero | cat >/dev/null`]);
    const pipe = { value: LONG / 1e6 / piped, name: "head | cat" };
    report("ssh, 512 MiB", LONG / 1e6 / time, "MB/s", pipe);
  }
  const tsp = await findProgram("tsp");
  if (tsp === null) return;
  const env = { TS_SOCKET: `${directory}/tsp`, TMPDIR: directory };
  try {
    report("tsp", await rate(100, 1, () => runProgram([tsp, "-nf", "true"], env)), "/s", bare);
  } finally {
    await runProgram([tsp, "-K"], env);
  }
}
