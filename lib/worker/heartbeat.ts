/** How often it is noted that jobs run, and so how precisely it is known when a lost job last ran. */
const BEAT_MS = 5_000;

/** Does something regularly, as long as there is a reason. */
export class Heartbeat implements AsyncDisposable {
  readonly #beat: () => Promise<void>;
  readonly #hasReason: () => boolean;
  #timer: ReturnType<typeof setInterval> | undefined;
  #beaten: Promise<void> = Promise.resolve();

  /** @param hasReason asked before each beat; once it is false, the beats stop until they are begun again */
  constructor(beat: () => Promise<void>, hasReason: () => boolean) {
    this.#beat = beat;
    this.#hasReason = hasReason;
  }

  /** Begins to beat, unless it has begun. */
  begin(): void {
    this.#timer ??= setInterval(() => {
      if (this.#hasReason()) this.#beaten = this.#beat();
      else this.#stop();
    }, BEAT_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await this.#beaten;
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
