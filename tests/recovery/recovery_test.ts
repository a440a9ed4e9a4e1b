import { LogLibrary } from "../../lib/log/log_library.ts";
import { MemoryStore } from "../../lib/worker/memory_store.ts";
import { recordLost } from "../../lib/worker/recovery.ts";
import { assert } from "../assert.ts";
import { job } from "../executor/job_fixture.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

Deno.test("recordLost() says of a lost job when it is last known to have run, and that is not in the future", async () => {
  const jobId = "01890a5d-ac96-774b-bcce-b302099a8057";
  const finishedAt = async (ranUntil: number, startedAt: number, prints: boolean) => {
    await using store = new MemoryStore();
    await using directory = await temporaryDirectory();
    await using logs = await LogLibrary.open(`${directory.path}/logs`);
    await store.put(job({ jobId, pid: 2 ** 22 + 1, startedAt }));
    if (prints) {
      await using writer = logs.create(jobId, {});
      await writer.append("stdout", new Uint8Array([1]));
    }
    await recordLost({
      store,
      logs,
      ranUntil,
      onLost: () => {},
      onFault: (error) => assert.fail(String(error)),
    });
    return (await store.get(jobId))?.end?.finishedAt ?? 0;
  };
  const before = Date.now();
  assert.equal(await finishedAt(2_000, 1_000, false), 2_000);
  assert.equal(await finishedAt(1_000, 2_000, false), 2_000);
  const printed = await finishedAt(2_000, 1_000, true);
  assert.ok(before <= printed && printed <= Date.now(), "The time of what it has printed");
  const future = await finishedAt(Date.now() + 86_400_000, 1_000, false);
  assert.ok(before <= future && future <= Date.now());
});
