import type { Identity, Role } from "../../lib/auth/identity.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import type { Audit, AuditEntry } from "../../lib/service/audit.ts";
import type {
  AuditBatch,
  CallContext,
  Job,
  StreamAuditRequest,
  StreamLogsRequest,
} from "../../lib/service/job_service.ts";
import { WorkerService } from "../../lib/service/worker_service.ts";
import { TestWorker } from "../worker/fixture.ts";

/** An audit trail in memory, which can be made to fail. */
export class MemoryAudit implements Audit {
  readonly entries: AuditEntry[] = [];
  /** What was asked for. */
  readonly readings: StreamAuditRequest[] = [];
  writable = true;
  /** Whether what cannot be lost is taken. */
  flushable = true;

  write(entry: AuditEntry): Promise<void> {
    this.entries.push(entry);
    return Promise.resolve();
  }

  async commit(entry: AuditEntry): Promise<void> {
    await this.assertWritable();
    if (!this.flushable) throw new JobWorkerError("unavailable", "Cannot write the audit trail");
    this.entries.push(entry);
  }

  refuse(): Promise<void> {
    throw new TypeError("The service turns nobody away at the door");
  }

  async *read(request: StreamAuditRequest): AsyncIterable<AuditBatch> {
    this.readings.push(request);
    yield await Promise.resolve({ records: [], position: "0123456789abcdef:1" });
  }

  assertWritable(): Promise<void> {
    if (this.writable) return Promise.resolve();
    return Promise.reject(new JobWorkerError("unavailable", "Cannot write the audit trail"));
  }

  /** The entries since the last call, without what every call has. */
  taken(): Omit<AuditEntry, "caller">[] {
    return this.entries.splice(0).map(({ caller: _caller, ...entry }) => entry);
  }
}

/** A call by a user with these roles. */
export function contextOf(
  user: string,
  roles: readonly Role[],
  signal: AbortSignal = new AbortController().signal,
): CallContext {
  const identity: Identity = { user, roles };
  return { caller: { identity, fingerprint: `of ${user}`, peer: "192.0.2.1:4711" }, signal };
}

/** Alice, who may do all. */
export const ADMIN = contextOf("alice", ["admin"]);

/** A command that needs nothing. */
export const TRUE = { name: "true", args: [], env: {}, workingDirectory: "" } as const;

/** A request for the whole log of a job. */
export function wholeLog(jobId: string): StreamLogsRequest {
  return { jobId, streams: [], follow: false, start: { kind: "offset", offset: 0 } };
}

/** A request for the whole audit trail. */
export const ALL_LINES: StreamAuditRequest = {
  user: "",
  jobIdPrefix: "",
  method: "",
  deniedOnly: false,
  follow: false,
  position: "",
};

/** The service over a real worker. */
export class TestService implements AsyncDisposable {
  readonly worker: TestWorker;
  readonly audit = new MemoryAudit();
  readonly service: WorkerService;

  private constructor(worker: TestWorker) {
    this.worker = worker;
    this.service = new WorkerService(worker.worker, this.audit);
  }

  static async open(): Promise<TestService> {
    return new TestService(await TestWorker.open());
  }

  /** A running job of this owner's, which takes input. */
  async running(owner: string): Promise<Job> {
    const command = { name: "sleep", args: ["100"] };
    return await this.worker.start(command, { owner, execution: { hasInput: true } });
  }

  /** An ended job of this owner's that ran a script. */
  async ran(script: string, owner = "alice"): Promise<Job> {
    const command = { name: "sh", args: ["-c", script] };
    const { jobId } = await this.worker.start(command, { owner });
    return await this.worker.worker.wait(jobId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker[Symbol.asyncDispose]();
  }
}
