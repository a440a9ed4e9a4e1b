import { JobWorkerError } from "../errors.ts";
import type { Answer, Question } from "./bcrypt_worker.ts";

/** The module of the thread. The process needs permission to read it. */
export const BCRYPT_WORKER: URL = new URL("./bcrypt_worker.ts", import.meta.url);

/** How many logins may wait; at a cost of 12, the last of them waits for four seconds. */
const MAX_WAITING = 16;
/** How many of them may be strangers'. */
const MAX_STRANGERS = 8;

/** Who wants to log in. */
export interface Applicant {
  /** Whether they have logged in before, as far as that can be told before their password is compared. */
  readonly isKnown: boolean;
  /** Where they come from: strangers of the same network share their places. */
  readonly network: string;
}

interface Login {
  readonly question: Question;
  readonly applicant: Applicant;
  readonly answer: PromiseWithResolvers<boolean>;
}

/**
 * Compares passwords with bcrypt hashes, one after the other on a thread of its own. A comparison takes
 * 65 ms at a cost of 10 and 260 ms at 12; this thread serves others in the meantime.
 *
 * Those whom we know are served first, and strangers can fill only a part of the queue. When that part is full,
 * strangers from elsewhere displace the last of the network that has the most in it.
 */
export class BcryptThread implements Disposable {
  /** In the order in which they came, with the one that is being compared. */
  readonly #logins = new Set<Login>();
  #compared: Login | null = null;
  #worker: Worker | null = null;

  /**
   * Whether the first hash is that of this password.
   *
   * @param hashes a wrong password is compared with the others too, only to take the time
   * @throws {JobWorkerError} `unavailable` if too many others are waiting
   */
  async matches(
    password: string,
    hashes: readonly string[],
    applicant: Applicant,
  ): Promise<boolean> {
    if (!this.#hasRoomFor(applicant)) throw tooMany();
    const question = { password, hashes };
    const login: Login = { question, applicant, answer: Promise.withResolvers() };
    this.#logins.add(login);
    this.#compareNext();
    return await login.answer.promise;
  }

  [Symbol.dispose](): void {
    this.#end(new JobWorkerError("unavailable", "The server is shutting down"));
  }

  /** Whether there is a place in the queue, which may take somebody else's. */
  #hasRoomFor({ isKnown, network }: Applicant): boolean {
    if (this.#logins.size >= MAX_WAITING) return false;
    const strangers = Array.from(this.#logins).filter(({ applicant }) => !applicant.isKnown);
    if (isKnown || strangers.length < MAX_STRANGERS) return true;
    const byNetwork = Map.groupBy(strangers, ({ applicant }) => applicant.network);
    const own = byNetwork.get(network)?.length ?? 0;
    const most = [...byNetwork.values()].reduce((a, b) => b.length > a.length ? b : a);
    // There must be a gain in it, or two networks would take turns in displacing each other.
    const last = most.at(-1);
    if (most.length <= own + 1 || last === undefined) return false;
    this.#logins.delete(last);
    last.answer.reject(tooMany());
    return true;
  }

  #compareNext(): void {
    if (this.#compared !== null) return;
    const waiting = [...this.#logins];
    const next = waiting.find(({ applicant }) => applicant.isKnown) ?? waiting[0];
    if (next === undefined) return;
    this.#compared = next;
    this.#worker ??= this.#start();
    this.#worker.postMessage(next.question);
  }

  /** Called on demand: where nobody logs in, there is no second thread. */
  #start(): Worker {
    const worker = new Worker(BCRYPT_WORKER, { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const login = this.#compared;
      if (login === null) return;
      this.#logins.delete(login);
      this.#compared = null;
      login.answer.resolve(data);
      this.#compareNext();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new Error(`The password thread has failed: ${event.message}`));
    };
    return worker;
  }

  #end(reason: Error): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#compared = null;
    for (const { answer } of this.#logins) answer.reject(reason);
    this.#logins.clear();
  }
}

function tooMany(): JobWorkerError {
  return new JobWorkerError("unavailable", "Too many logins at once: try again in a moment");
}
