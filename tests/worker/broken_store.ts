import { type Job, MemoryStore } from "../../lib/worker/mod.ts";

/** A store that fails when it is told to. */
export class BrokenStore extends MemoryStore {
  fails: (job: Job) => boolean = () => false;

  override put(job: Job): Promise<void> {
    return this.fails(job) ? Promise.reject(new Error("Disk full")) : super.put(job);
  }
}
