import { setImmediate } from "node:timers";
import { delay } from "./delay.ts";

/**
 * How long those who take turns may work before everything else has its chance, in milliseconds. That takes a
 * timer, which costs 1 to 2 ms: after an immediate alone, Deno 2.9 looks at its sockets at every 61st turn of the
 * loop only (measured: a call waits for 122 ms between pieces of 2 ms).
 */
const WORK_MS = 8;

/**
 * Deals out turns on the event loop to those who have a lot to do, in pieces of milliseconds: one piece at a time,
 * and after a few of them whatever else has come in is served. So a hundred large answers delay a small one by a few
 * pieces, not by a hundred.
 *
 * Everybody has a name. Of those who wait under the same name there is one in each round, so whoever asks for
 * much waits behind themselves.
 *
 * ```ts
 * import { Turns } from "./turns.ts";
 *
 * const turns = new Turns();
 * for (const piece of ["large", "larger"]) {
 *   await turns.next("alice");
 *   JSON.stringify(piece);
 * }
 * ```
 */
export class Turns {
  /** Those who wait, by name. The first one is next. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #isServing = false;
  /** How long work was done since everything else last had its chance, in milliseconds. */
  #workedMs = 0;

  /**
   * Waits for a turn. What is then done before anything is awaited has the turn for itself.
   *
   * @throws the reason of the signal, if it has been aborted by then
   */
  async next(name: string, signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const line = this.#waiting.get(name);
    if (line === undefined) this.#waiting.set(name, [resolve]);
    else line.push(resolve);
    if (!this.#isServing) void this.#serve();
    await promise;
    signal?.throwIfAborted();
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    while (this.#waiting.size > 0) {
      if (this.#workedMs >= WORK_MS) {
        await delay(0);
        this.#workedMs = 0;
      }
      const begun = performance.now();
      this.#grant();
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#workedMs += performance.now() - begun;
    }
    this.#isServing = false;
  }

  /** Lets the first in line go on. */
  #grant(): void {
    for (const [name, line] of this.#waiting) {
      line.shift()?.();
      this.#waiting.delete(name);
      // To the end of the round.
      if (line.length > 0) this.#waiting.set(name, line);
      return;
    }
  }
}
