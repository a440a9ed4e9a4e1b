import { JobWorkerError } from "../errors.ts";

/** How many jobs may run at once, those that are just being started included. */
export interface RunningLimits {
  /** Those of all owners together. */
  readonly maxRunning: number;
  /** Those of one owner. */
  readonly maxRunningPerUser: number;
}

/** The place of one job among those that run; given back when it is disposed of. */
export interface JobSlot extends Disposable {
  /** Has the job keep it until this settles, whatever becomes of the start. */
  holdUntil(ended: Promise<unknown>): void;
}

/**
 * The places in which jobs run, in total and per owner. They are counted in one turn of the event loop, so
 * that no two starts get the same one.
 */
export class JobSlots {
  readonly #limits: RunningLimits;
  #taken = 0;
  readonly #takenByOwner = new Map<string, number>();

  constructor(limits: RunningLimits) {
    this.#limits = limits;
  }

  /**
   * Takes a slot for a job that is about to be started.
   *
   * @throws `resource_exhausted`, naming the limit
   */
  acquire(owner: string): JobSlot {
    const { maxRunning, maxRunningPerUser } = this.#limits;
    // First the limit that the owner can do something about.
    if ((this.#takenByOwner.get(owner) ?? 0) >= maxRunningPerUser) {
      throw exhausted(
        `user "${owner}" already has as many jobs running as one user may, ${maxRunningPerUser} ` +
          "(--max-running-per-user); stop one of them, or try again when one has ended",
      );
    }
    if (this.#taken >= maxRunning) {
      throw exhausted(
        `as many jobs are running as may, ${maxRunning} (--max-running); try again when one has ended`,
      );
    }
    return this.#take(owner);
  }

  /** Takes a slot for a job that runs already, even if none is left. */
  adopt(owner: string): JobSlot {
    return this.#take(owner);
  }

  #take(owner: string): JobSlot {
    this.#taken++;
    this.#takenByOwner.set(owner, (this.#takenByOwner.get(owner) ?? 0) + 1);
    const taken = new DisposableStack();
    taken.defer(() => this.#release(owner));
    return {
      holdUntil: (ended) => {
        const held = taken.move();
        const release = () => held.dispose();
        void ended.then(release, release);
      },
      [Symbol.dispose]: () => taken.dispose(),
    };
  }

  #release(owner: string): void {
    this.#taken--;
    const left = (this.#takenByOwner.get(owner) ?? 0) - 1;
    if (left > 0) this.#takenByOwner.set(owner, left);
    else this.#takenByOwner.delete(owner);
  }
}

function exhausted(why: string): JobWorkerError {
  return new JobWorkerError("resource_exhausted", `Cannot start the job: ${why}`);
}
