import { delay } from "../../lib/async/delay.ts";
import { LocalExecutor } from "../../lib/executor/local_executor.ts";
import { newId } from "../../lib/ids.ts";
import { completeExecution } from "../../lib/job/execution.ts";
import { DEFAULT_LOG_LIMIT } from "../../lib/job/log_limit.ts";
import { LogLibrary } from "../../lib/log/log_library.ts";
import { assert } from "../assert.ts";
import { ownShells } from "../process/own_shells.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

Deno.test("What a start has to know is not asked of the shell that may be busy with the ends of others", async () => {
  await using directory = await temporaryDirectory();
  const onFault = (error: unknown) => assert.fail(String(error));
  await using logs = await LogLibrary.open(`${directory.path}/logs`);
  await using executor = await LocalExecutor.open({ logs, onFault, cgroups: false });
  const shells = await ownShells();
  assert.equal(shells.length, 2, "There is room for both by now");
  // Which of them it is nothing tells; as a rule the first.
  for (const busy of shells) {
    Deno.kill(busy, "SIGSTOP");
    const prepared = executor.prepare({
      jobId: newId(),
      command: { name: "true", args: [], env: {}, workingDirectory: "" },
      execution: completeExecution({}),
      logLimit: DEFAULT_LOG_LIMIT,
    });
    try {
      // Less than it takes until another shell takes its place.
      const isPrepared = await within(8_000, prepared);
      if (isPrepared) return;
    } finally {
      Deno.kill(busy, "SIGCONT");
      await prepared;
    }
  }
  assert.fail("It waits for both of them");
});

/** Whether a promise settles in so many milliseconds. */
async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const late = new AbortController();
  const isLate = delay(ms, { signal: late.signal }).then(() => false, () => false);
  const isSettled = await Promise.race([promise.then(() => true), isLate]);
  late.abort();
  await isLate;
  return isSettled;
}
