import type { RefusedConnection } from "../auth/admission_control.ts";
import { findFreePort } from "../net/free_port.ts";
import type { HostPort } from "../net/host_port.ts";
import { diagnostics } from "./diagnostics.ts";

/** The port to listen on, after making sure that nobody else does, if it is to be exclusive. */
export async function portOf(
  address: HostPort,
  descriptor: number | null,
  { exclusive }: { readonly exclusive: boolean },
): Promise<number> {
  return exclusive && descriptor === null ? await findFreePort(address) : address.port;
}

/** Even somebody without a certificate can cause these lines, as often as they like. */
export const REPORTS = { max: 20, perMs: 60_000 };

/** Says that somebody was turned away. */
export function warnOfRefused(
  { peer, message, fingerprint }: RefusedConnection & { readonly fingerprint?: string },
  unreported = 0,
): void {
  diagnostics.warn("Refused {peer}: {message}", {
    peer,
    message,
    ...(fingerprint && { fingerprint }),
    ...(unreported > 0 && { unreported }),
  });
}
