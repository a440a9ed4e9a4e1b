import { LocalExecutor } from "../../lib/executor/local_executor.ts";
import { newId } from "../../lib/ids.ts";
import { completeExecution } from "../../lib/job/execution.ts";
import { DEFAULT_LOG_LIMIT } from "../../lib/job/log_limit.ts";
import { LogLibrary } from "../../lib/log/log_library.ts";
import { assert } from "../assert.ts";
import { ownShells } from "../process/own_shells.ts";
import { soon } from "../soon.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

Deno.test("What a start has to know is not asked of the shell that may be busy with the ends of others", async () => {
  await using directory = await temporaryDirectory();
  const onFault = (error: unknown) => assert.fail(String(error));
  await using logs = await LogLibrary.open(`${directory.path}/logs`);
  await using executor = await LocalExecutor.open({ logs, onFault, cgroups: false });
  const [busy = assert.fail("There is none"), ...others] = await ownShells();
  assert.deepEqual(others, []);
  Deno.kill(busy, "SIGSTOP");
  try {
    const request = {
      jobId: newId(),
      command: { name: "true", args: [], env: {}, workingDirectory: "" },
      execution: completeExecution({}),
      logLimit: DEFAULT_LOG_LIMIT,
    };
    const { workingDirectory } = await soon(executor.prepare(request), () => "what is prepared");
    assert.equal(workingDirectory, "/");
    assert.equal((await ownShells()).length, 2);
  } finally {
    Deno.kill(busy, "SIGCONT");
  }
});
