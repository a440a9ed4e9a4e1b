/** The `reason` of an error that tells that nobody answers for a host now. */
export const HOST_OFFLINE = "HOST_OFFLINE";

/** How a request is made. */
export interface FleetRequestOptions {
  /** Once it is aborted, the host is told so. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Carries the bytes of calls between a hub and hosts, and is trusted with nothing. */
export interface FleetTransport {
  /**
   * @param method one token, as it stands in a subject
   * @returns what was answered, by whomever
   * @throws `unavailable`, with the reason {@linkcode HOST_OFFLINE} if nobody listens for that host;
   *   `deadline_exceeded` if no answer came in time; the reason of the signal
   */
  request(
    host: string,
    method: string,
    bytes: Uint8Array<ArrayBuffer>,
    options: FleetRequestOptions,
  ): Promise<Uint8Array<ArrayBuffer>>;
}
