/**
 * What a hub keeps of a start until a host has it, so that nobody who reads the registry learns the values of
 * variables: AES-256-GCM under a key that is kept elsewhere.
 *
 * @module
 */

import { JobWorkerError } from "../errors.ts";
import { concat } from "../net/frames.ts";
import type { Caller, StartJobRequest } from "../service/job_service.ts";

/** What a start is made with, whenever that may be. */
export interface PendingStart {
  readonly start: StartJobRequest;
  /** As they were when they asked for it. */
  readonly caller: Caller;
}

/** The length of a key, in bytes. */
export const QUEUE_KEY_BYTES = 32;

const IV_BYTES = 12;

/** Seals starts, and opens them again. */
export class SealedStarts {
  readonly #key: CryptoKey;

  private constructor(key: CryptoKey) {
    this.#key = key;
  }

  static async load(key: Uint8Array<ArrayBuffer>): Promise<SealedStarts> {
    return new SealedStarts(
      await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]),
    );
  }

  async seal(jobId: string, pending: PendingStart): Promise<Uint8Array<ArrayBuffer>> {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const text = new TextEncoder().encode(JSON.stringify(pending));
    const sealed = await crypto.subtle.encrypt(algorithmOf(iv, jobId), this.#key, text);
    return concat([iv, new Uint8Array(sealed)]);
  }

  /** @throws `failed_precondition` if it was sealed with another key, or for another job */
  async open(jobId: string, bytes: Uint8Array<ArrayBuffer>): Promise<PendingStart> {
    const [iv, sealed] = [bytes.subarray(0, IV_BYTES), bytes.subarray(IV_BYTES)];
    try {
      const text = await crypto.subtle.decrypt(algorithmOf(iv, jobId), this.#key, sealed);
      return JSON.parse(new TextDecoder().decode(text));
    } catch (cause) {
      throw new JobWorkerError(
        "failed_precondition",
        "What the job is to be started with cannot be read: it was sealed with another key than the hub has now",
        { cause },
      );
    }
  }
}

function algorithmOf(iv: Uint8Array<ArrayBuffer>, jobId: string): AesGcmParams {
  return { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(jobId) };
}
