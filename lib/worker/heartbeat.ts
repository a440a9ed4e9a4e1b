/** How often it is noted that jobs run: so exactly it is known afterwards how long a lost one did. */
const BEAT_MS = 5_000;

/** Does something regularly, for as long as there is a reason for it. */
export class Heartbeat implements AsyncDisposable {
  readonly #beat: () => Promise<void>;
  readonly #hasReason: () => boolean;
  #timer: ReturnType<typeof setInterval> | undefined;
  #beaten: Promise<void> = Promise.resolve();

  /** @param hasReason asked each time; once there is none, it stops until it is begun again */
  constructor(beat: () => Promise<void>, hasReason: () => boolean) {
    this.#beat = beat;
    this.#hasReason = hasReason;
  }

  /** Begins, if it has not begun. */
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
