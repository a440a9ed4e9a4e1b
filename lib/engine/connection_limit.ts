import { Semaphore } from "../async/semaphore.ts";
import { Counts } from "../counts.ts";
import { JobWorkerError } from "../errors.ts";

/** The part that one user may have: more than the engine lets one user call, so that it is the engine that judges. */
const SHARE_OF_USER = 1 / 2;

/**
 * Bounds how many connections to an engine there are at once, each of which takes a descriptor: a gateway without
 * any could never accept a client again.
 *
 * Calls wait for their turn in order. They get it soon, however many followers there are: the engine lets fewer calls
 * that last go on than there may be connections, and refuses the others at once.
 */
export class ConnectionLimit {
  readonly #connections: Semaphore;
  readonly #maxOfUser: number;
  /** How many each user has, or waits for. */
  readonly #ofUser = new Counts<string>();

  /** @param maxConnections as many as the engine takes calls, see `CallServerOptions` */
  constructor(maxConnections: number) {
    // How many wait is bounded by what each user may have.
    this.#connections = new Semaphore({ total: maxConnections, maxWaiting: Infinity, refusal: "" });
    this.#maxOfUser = Math.ceil(SHARE_OF_USER * maxConnections);
  }

  /**
   * Waits until there may be one more connection, which there is until that is disposed of.
   *
   * @throws `resource_exhausted`, naming the limit, if the user has, or waits for, too many; the reason of the signal
   */
  async acquire(user: string, signal: AbortSignal): Promise<Disposable> {
    if (this.#ofUser.of(user) >= this.#maxOfUser) {
      const text = `More than ${this.#maxOfUser} calls of user "${user}" at once`;
      throw new JobWorkerError("resource_exhausted", text);
    }
    using acquired = new DisposableStack();
    this.#ofUser.add(user, 1);
    acquired.defer(() => this.#ofUser.add(user, -1));
    acquired.use(await this.#connections.acquire(1, signal));
    return acquired.move();
  }
}
