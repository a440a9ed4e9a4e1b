import { RepeatLimit } from "../async/repeat_limit.ts";
import { type Mask, maskFor } from "../text/mask_secrets.ts";
import type { Audit, AuditEntry, Refusal } from "./audit.ts";
import { readTrail } from "./audit_reader.ts";
import type { AuditBatch, StreamAuditRequest } from "./job_service.ts";
import { auditLine, refusalLine } from "./audit_line.ts";
import { type AuditBounds, TrailWriter } from "./trail_writer.ts";

export type { AuditBounds };

/** How many entries are written of what one caller is denied by one method. */
const DENIALS = { max: 20, perMs: 60_000 };

/** Options of {@linkcode AuditLog.open}. There are no bounds by default. */
export interface AuditLogOptions extends Partial<AuditBounds> {
  /** The names in arguments whose values are masked, see {@linkcode maskFor}; none by default. */
  readonly masks?: readonly string[];
}

/** The audit trail as a file: one line of JSON per entry. */
export class AuditLog implements Audit, AsyncDisposable {
  readonly #writer: TrailWriter;
  readonly #onFault: (error: unknown) => void;
  readonly #mask: Mask;
  readonly #denials = new RepeatLimit(DENIALS);

  private constructor(writer: TrailWriter, onFault: (error: unknown) => void, mask: Mask) {
    this.#writer = writer;
    this.#onFault = onFault;
    this.#mask = mask;
  }

  /** See {@linkcode TrailWriter.open}. */
  static async open(
    path: string,
    onFault: (error: unknown) => void,
    options: AuditLogOptions = {},
  ): Promise<AuditLog> {
    const { limitBytes = Infinity, maxAgeMs = Infinity, keep = Infinity, masks = [] } = options;
    const writer = await TrailWriter.open(path, onFault, { limitBytes, maxAgeMs, keep });
    return new AuditLog(writer, onFault, maskFor(masks));
  }

  /** Continues in a new file if the current one was renamed, as logrotate(8) does. Never rejects. */
  async reopen(): Promise<void> {
    await this.#writer.reopen();
  }

  async commit(entry: AuditEntry): Promise<void> {
    await this.#writer.commit(this.#lineOf(entry));
  }

  async write(entry: AuditEntry): Promise<void> {
    if (entry.decision === "denied") {
      const { method, caller: { fingerprint, identity: { user } } } = entry;
      const later = (unreported: number) =>
        this.#writer.append(this.#lineOf({ ...entry, unreported }));
      if (!this.#denials.admit(`${method} ${fingerprint || user}`, later)) return;
    }
    await this.#writer.append(this.#lineOf(entry));
  }

  async refuse(refusal: Refusal): Promise<void> {
    await this.#writer.append(refusalLine(refusal));
  }

  async assertWritable(): Promise<void> {
    await this.#writer.assertWritable();
  }

  async *read(
    request: StreamAuditRequest,
    signal: AbortSignal,
  ): AsyncGenerator<AuditBatch, void, undefined> {
    // What has just been done is to be seen.
    await this.#writer.flush();
    yield* readTrail(this.#writer, request, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#denials[Symbol.asyncDispose]();
    await this.#writer[Symbol.asyncDispose]();
  }

  /** An entry must be recorded even if it makes no sense. */
  #lineOf(entry: AuditEntry): string {
    try {
      return auditLine(entry, this.#mask);
    } catch (error) {
      this.#onFault(error);
      return auditLine({ ...entry, jobId: "", command: null });
    }
  }
}
