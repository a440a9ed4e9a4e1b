/**
 * An engine that starts a job, and halts at a step of that to be killed there. It prints `halted` then.
 *
 * Arguments: the data directory; the step; and a file to which the job adds a line.
 *
 * @module
 */

import { JobEngine } from "../../lib/daemon/job_engine.ts";
import { AuditLog } from "../../lib/service/audit_log.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { ENGINE_OPTIONS } from "../long/recovery/engine_options.ts";
import { TOOLS } from "../process/tools.ts";
import { ADMIN, TRUE } from "../service/fixture.ts";
import { until } from "../worker/fixture.ts";
import type { Step } from "./interrupted_start.ts";

const [dataDir = "", step, note = ""] = Deno.args as [string, Step, string];

const never = new Promise<never>(() => {});

function halt(): Promise<never> {
  Deno.stdout.writeSync(new TextEncoder().encode("halted\n"));
  return never;
}

/** The start as it comes to the disk: the record without a process, that with one, the audit entry. */
const { put } = SqliteStore.prototype;
const { commit } = AuditLog.prototype;
const done = { put: Promise.withResolvers<void>(), commit: Promise.withResolvers<void>() };
SqliteStore.prototype.put = async function (job, processIdentity) {
  if (job.pid === 0) {
    if (step === "before its record") await halt();
    await put.call(this, job, processIdentity);
    if (step === "before its launch") await halt();
    if (step !== "while it is launched") return;
    Deno.stdout.writeSync(new TextEncoder().encode("halted\n"));
    await until(() => Deno.stat(`${note}.go`).then(() => true, () => false));
    return;
  }
  if (step === "once it is launched") await halt();
  if (step === "once it is in the trail") {
    await done.commit.promise;
    await halt();
  }
  await put.call(this, job, processIdentity);
  done.put.resolve();
  await never;
};
AuditLog.prototype.commit = async function (entry) {
  if (step === "once it is launched") await never;
  if (step === "once its process is recorded") {
    await done.put.promise;
    await halt();
  }
  await commit.call(this, entry);
  done.commit.resolve();
  if (step !== "before it is confirmed") await never;
  await done.put.promise;
  await halt();
};

const engine = await JobEngine.open({ ...ENGINE_OPTIONS, dataDir }, "/", TOOLS.setsid);
const command = { ...TRUE, name: "sh", args: ["-c", 'echo run >>"$0"; exec sleep 1000', note] };
await engine.service.startJob({ command, labels: {}, requestId: "one" }, ADMIN);
