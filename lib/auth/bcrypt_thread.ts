import { JobWorkerError } from "../errors.ts";
import type { Answer, Question } from "./bcrypt_worker.ts";

/** The module of the thread. The process needs permission to read it. */
export const BCRYPT_WORKER: URL = new URL("./bcrypt_worker.ts", import.meta.url);

/** How many logins may wait; at a cost of 12, the last of them waits for four seconds. */
const MAX_WAITING = 16;

/**
 * Compares passwords with bcrypt hashes, one after the other on a thread of its own. A comparison takes
 * 65 ms at a cost of 10 and 260 ms at 12; this thread serves others in the meantime.
 */
export class BcryptThread implements Disposable {
  readonly #waiting = new Map<number, PromiseWithResolvers<boolean>>();
  #lastId = 0;
  #worker: Worker | null = null;

  /**
   * Whether the first hash is that of this password.
   *
   * @param hashes a wrong password is compared with the others too, only to take the time
   * @throws {JobWorkerError} `unavailable` if too many others are waiting
   */
  async matches(password: string, hashes: readonly string[]): Promise<boolean> {
    if (this.#waiting.size >= MAX_WAITING) {
      throw new JobWorkerError("unavailable", "Too many logins at once: try again in a moment");
    }
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<boolean>();
    this.#waiting.set(id, answer);
    this.#worker ??= this.#start();
    this.#worker.postMessage({ id, password, hashes } satisfies Question);
    try {
      return await answer.promise;
    } finally {
      this.#waiting.delete(id);
    }
  }

  [Symbol.dispose](): void {
    this.#end(new JobWorkerError("unavailable", "The server is shutting down"));
  }

  /** Called on demand: where nobody logs in, there is no second thread. */
  #start(): Worker {
    const worker = new Worker(BCRYPT_WORKER, { type: "module" });
    worker.onmessage = ({ data: { id, matches } }: MessageEvent<Answer>) =>
      this.#waiting.get(id)?.resolve(matches);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new Error(`The password thread has failed: ${event.message}`));
    };
    return worker;
  }

  #end(reason: Error): void {
    this.#worker?.terminate();
    this.#worker = null;
    for (const answer of this.#waiting.values()) answer.reject(reason);
  }
}
