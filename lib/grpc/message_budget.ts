import { Counts } from "../counts.ts";

/** How many bytes of messages may be on their way at once, in all and for one user. */
export interface MessageLimits {
  /** What they are, in plural. */
  readonly what: "requests" | "answers";
  readonly total: number;
  readonly perUser: number;
}

/**
 * Memory for requests of which only a part has come, or for answers of which only a part has gone. A client may
 * have a thousand of them on each connection, and finish sending, or reading, none.
 */
export class MessageBudget {
  readonly #limits: MessageLimits;
  #taken = 0;
  readonly #takenBy = new Counts<string>();

  constructor(limits: MessageLimits) {
    this.#limits = limits;
  }

  /**
   * Takes memory for a message, until it is disposed of.
   *
   * @throws `RangeError`, naming the limit, if there is not so much left
   */
  take(user: string, bytes: number): Disposable {
    const { what, total, perUser } = this.#limits;
    if (this.#takenBy.of(user) + bytes > perUser) {
      throw exceeded(perUser, `${what} of user "${user}"`);
    }
    if (this.#taken + bytes > total) throw exceeded(total, what);
    this.#count(user, bytes);
    const taken = new DisposableStack();
    taken.defer(() => this.#count(user, -bytes));
    return taken;
  }

  #count(user: string, bytes: number): void {
    this.#taken += bytes;
    this.#takenBy.add(user, bytes);
  }
}

function exceeded(limit: number, whose: string): RangeError {
  const size = `${limit / 1024 / 1024} MiB`;
  return new RangeError(`Too many large ${whose} at once: more than ${size} are on their way`);
}
