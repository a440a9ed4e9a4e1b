import { createSecureContext } from "node:tls";
import { abortable } from "../async/abortable.ts";
import { JobWorkerError } from "../errors.ts";
import type { CallLimits } from "./client_call.ts";
import { diagnose, explained, isRefusal, reasonOf, unreachable } from "./diagnose.ts";
import type { Endpoint } from "./endpoint.ts";
import { ChannelCredentials, Client, connectivityState } from "./grpc.ts";
import { FLOW_CONTROL_WINDOW_BYTES, KEEPALIVE, keepaliveOptions } from "./protocol.ts";
import { WakeUp } from "../async/wake_up.ts";
import { WatchedCredentials } from "./watched_credentials.ts";

/** How long a daemon that has not answered in time is observed to find out why. */
const DIAGNOSIS_MS = 1_000;

/** A grpc-js channel to one daemon that knows why it cannot connect. */
export class Channel implements Disposable {
  readonly client: Client;
  readonly #endpoint: Endpoint;
  readonly #connectTimeoutMs: number;
  /** Set when one side refuses the certificate of the other: no more attempts are made until it is cleared. */
  #refusal: JobWorkerError | null = null;
  readonly #refused = new WakeUp();

  constructor(endpoint: Endpoint, options: { connectTimeoutMs: number }) {
    this.#connectTimeoutMs = options.connectTimeoutMs;
    const { address, tls } = endpoint;
    const { checkServerIdentity } = tls;
    this.#endpoint = endpoint;
    this.client = new Client(
      `dns:${address}`,
      new WatchedCredentials(
        ChannelCredentials.createFromSecureContext(
          createSecureContext(tls),
          checkServerIdentity && { checkServerIdentity },
        ),
        {
          allow: () => {
            if (this.#refusal !== null) throw this.#refusal;
          },
          failed: (error) => this.#refuse(unreachable(endpoint, reasonOf(error), error)),
          unanswered: () => this.#refuse(unreachable(endpoint, "CLIENT_CERTIFICATE_REFUSED")),
        },
      ),
      {
        "grpc.ssl_target_name_override": tls.servername,
        "grpc.default_authority": address,
        "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW_BYTES,
        "grpc.initial_reconnect_backoff_ms": 100,
        "grpc.max_reconnect_backoff_ms": 2000,
        ...keepaliveOptions(KEEPALIVE),
        "grpc.enable_http_proxy": 0,
        "grpc.service_config_disable_resolution": 1,
        "grpc.use_local_subchannel_pool": 1,
        "grpc.enable_channelz": 0,
      },
    );
  }

  /**
   * Resolves when there is a connection. The first attempt that fails is the last.
   *
   * @throws {JobWorkerError} `unavailable`, with the reason, or `deadline_exceeded`
   * @throws the reason of the signal, once that is aborted
   */
  async ready({ signal, deadline }: CallLimits): Promise<void> {
    const until = Math.min(deadline, Date.now() + this.#connectTimeoutMs);
    if (await this.connected({ until, keepTrying: false, signal })) return;
    if (this.#refusal !== null) throw await this.refusal();
    const longEnough = Math.max(until, Math.min(deadline, Date.now() + DIAGNOSIS_MS));
    const cause = await this.diagnose({ until: longEnough, signal });
    // If there is no cause, the failure was left from an earlier attempt, and now it should work.
    if (cause === null && await this.connected({ until, keepTrying: true, signal })) return;
    if (Date.now() >= deadline) throw new JobWorkerError("deadline_exceeded", "Deadline exceeded");
    throw cause ?? unreachable(this.#endpoint, "TIMEOUT");
  }

  /**
   * Waits for a connection and returns whether there is one in time. An attempt that is refused is the last.
   *
   * @param options.until a time of `Date.now()`
   * @param options.keepTrying continue after a failed attempt; grpc-js makes the pauses
   * @throws the reason of the signal, once that is aborted
   */
  async connected(
    options: { until: number; keepTrying: boolean; signal: AbortSignal | undefined },
  ): Promise<boolean> {
    const { until, keepTrying, signal } = options;
    const channel = this.client.getChannel();
    this.#refusal = null;
    while (true) {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return true;
      if (state === connectivityState.SHUTDOWN) {
        throw new JobWorkerError("cancelled", "The client has been closed");
      }
      if (this.#refusal !== null) return false;
      if (state === connectivityState.TRANSIENT_FAILURE && !keepTrying) return false;
      if (Date.now() >= until) return false;
      const refused = this.#refused.next();
      const changed = Promise.withResolvers<void>();
      channel.watchConnectivityState(state, until, () => changed.resolve());
      // The state does not change if an attempt fails like the one before.
      await abortable(Promise.race([changed.promise, refused]), signal);
    }
  }

  /** The error of the last attempt, if it was a refusal. */
  async refusal(): Promise<JobWorkerError | null> {
    return this.#refusal && await explained(this.#endpoint, this.#refusal);
  }

  #refuse(error: JobWorkerError): void {
    if (!isRefusal(error)) return;
    this.#refusal ??= error;
    this.#refused.notify();
  }

  /** Why there is no connection; `null` if one could be made. */
  diagnose(
    options: { until: number; signal: AbortSignal | undefined },
  ): Promise<JobWorkerError | null> {
    const timeoutMs = Math.max(0, options.until - Date.now());
    return diagnose(this.#endpoint, { timeoutMs, signal: options.signal });
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}
