/** Options of {@linkcode FleetTransport.request}. */
export interface FleetRequestOptions {
  /** Also cancels the call at the host. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Carries the bytes of calls between a hub and hosts, and is trusted with nothing. */
export interface FleetTransport {
  /**
   * Sends a call to a host.
   *
   * @returns the answer, or what somebody else made of it
   * @throws `unavailable` with the reason {@linkcode HOST_OFFLINE} if nobody listens for that host;
   *   `deadline_exceeded`; the reason of the signal
   */
  request(
    host: string,
    method: string,
    bytes: Uint8Array<ArrayBuffer>,
    options: FleetRequestOptions,
  ): Promise<Uint8Array<ArrayBuffer>>;
}

/** The `reason` of the error that nobody listens for a host. */
export const HOST_OFFLINE = "HOST_OFFLINE";
