import { abortable } from "../async/abortable.ts";
import { JobWorkerError } from "../errors.ts";
import { GatewayKeeper, type GatewayKeeperOptions } from "./gateway_keeper.ts";

/** What of an engine gateways need to serve. */
export type EngineSide = Pick<GatewayKeeperOptions, "onRefused" | "restoreSocket" | "sessions">;

/**
 * Gateways that are started while the engine is not there yet: they load their code meanwhile, which takes as long as
 * everything else at the start of a daemon. They listen once there is the engine.
 */
export class GatewaysAhead implements AsyncDisposable {
  readonly #engine = Promise.withResolvers<EngineSide>();
  readonly #ending = new AbortController();
  readonly #starting: Promise<GatewayKeeper>;
  #isTaken = false;

  constructor(options: Omit<GatewayKeeperOptions, keyof EngineSide>) {
    const { retryOptions } = options;
    const signal = AbortSignal.any([retryOptions.signal, this.#ending.signal]);
    const engine = this.#engine.promise;
    this.#starting = GatewayKeeper.start({
      ...options,
      retryOptions: { ...retryOptions, signal },
      restoreSocket: async () => await (await abortable(engine, signal)).restoreSocket(),
      sessions: async () => await (await abortable(engine, signal)).sessions?.() ?? null,
      // Whoever is turned away at the very end is so for the record, too.
      onRefused: (refusal) => void engine.then(({ onRefused }) => onRefused(refusal)),
    });
    // Whoever takes them is told.
    this.#starting.catch(() => {});
  }

  /**
   * Has them serve this engine. From then on they are the caller's.
   *
   * @throws as {@linkcode GatewayKeeper.start} does
   */
  async serve(engine: EngineSide): Promise<GatewayKeeper> {
    this.#isTaken = true;
    this.#engine.resolve(engine);
    return await this.#starting;
  }

  /** Ends them, if nobody has taken them. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isTaken) return;
    this.#ending.abort(new JobWorkerError("unavailable", "The daemon does not start"));
    await this.#starting.catch(() => {});
  }
}
