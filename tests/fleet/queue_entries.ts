import { v7 } from "uuid";
import type { NewEntry } from "../../lib/fleet/queue_store.ts";
import { job } from "../executor/job_fixture.ts";

const ANY = { host: "", labels: {} };

/** A start that is about to be added to a queue, for alice and any host. */
export function newEntry(more: Partial<NewEntry> = {}): NewEntry {
  const { jobId = v7(), owner = "alice" } = more;
  const shown = job({ jobId, owner, liveStatus: "queued", startedAt: null, queuedAt: 1 });
  const sealed = Uint8Array.of(1, 2, 3);
  return {
    jobId,
    owner,
    priority: 0,
    on: ANY,
    mayWait: true,
    reruns: false,
    job: shown,
    requestId: "",
    sealed,
    ...more,
  };
}
