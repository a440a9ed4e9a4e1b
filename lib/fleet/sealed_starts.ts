/**
 * What a hub keeps of a start until a host has it, so that nobody who reads the registry learns the values of
 * variables: AES-256-GCM under a key that is kept elsewhere.
 *
 * @module
 */

import { failedPrecondition } from "../errors.ts";
import { concat } from "../net/frames.ts";
import { AES_KEY_BYTES, decrypt, encrypt, IV_BYTES } from "./aes_gcm.ts";
import type { Caller, StartJobRequest } from "../service/job_service.ts";

/** What a start is made with, whenever that may be. */
export interface PendingStart {
  readonly start: StartJobRequest;
  /** As they were when they asked for it. */
  readonly caller: Caller;
}

/** The length of a key, in bytes. */
export const QUEUE_KEY_BYTES = AES_KEY_BYTES;

/** Seals starts, and opens them again. */
export class SealedStarts {
  readonly #key: Uint8Array<ArrayBuffer>;

  constructor(key: Uint8Array<ArrayBuffer>) {
    this.#key = key;
  }

  async seal(jobId: string, pending: PendingStart): Promise<Uint8Array<ArrayBuffer>> {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const text = new TextEncoder().encode(JSON.stringify(pending));
    return concat([iv, await encrypt(text, { key: this.#key, iv, context: jobId })]);
  }

  /** @throws `failed_precondition` if it was sealed with another key, or for another job */
  async open(jobId: string, bytes: Uint8Array<ArrayBuffer>): Promise<PendingStart> {
    const [iv, sealed] = [bytes.subarray(0, IV_BYTES), bytes.subarray(IV_BYTES)];
    const text = await decrypt(sealed, { key: this.#key, iv, context: jobId });
    if (text !== null) return JSON.parse(new TextDecoder().decode(text));
    throw failedPrecondition(
      "What the job is to be started with cannot be read: it was sealed with another key than the hub has now",
    );
  }
}
