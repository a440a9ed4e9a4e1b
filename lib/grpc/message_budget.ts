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
  readonly #takenBy = new Map<string, number>();

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
    const ofUser = this.#takenBy.get(user) ?? 0;
    if (ofUser + bytes > perUser) throw exceeded(perUser, `${what} of user "${user}"`);
    if (this.#taken + bytes > total) throw exceeded(total, what);
    this.#taken += bytes;
    this.#takenBy.set(user, ofUser + bytes);
    const taken = new DisposableStack();
    taken.defer(() => this.#giveBack(user, bytes));
    return taken;
  }

  #giveBack(user: string, bytes: number): void {
    this.#taken -= bytes;
    const left = (this.#takenBy.get(user) ?? 0) - bytes;
    if (left > 0) this.#takenBy.set(user, left);
    else this.#takenBy.delete(user);
  }
}

function exceeded(limit: number, whose: string): RangeError {
  const size = `${limit / 1024 / 1024} MiB`;
  return new RangeError(`Too many large ${whose} at once: more than ${size} are on their way`);
}
