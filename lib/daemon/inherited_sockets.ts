import { failedPrecondition } from "../errors.ts";

/** The descriptors of sockets that listen already; `null` where we bind one ourselves. */
export interface InheritedSockets {
  readonly grpc: number | null;
  readonly rest: number | null;
}

/** The first descriptor that systemd hands over, `SD_LISTEN_FDS_START` in sd_listen_fds(3). */
const FIRST = 3;

/**
 * The sockets that systemd has handed over to this process, see systemd.socket(5): first the one for gRPC, then
 * the one for REST, in the order of the lines `ListenStream=`. They stay open while we restart, so that clients
 * that connect meanwhile wait instead of being refused.
 *
 * Deno passes inherited descriptors on to every program that it starts. The gateways need that; jobs and the
 * shell of the engine close them, see `lib/process/enter_job.sh`.
 *
 * @throws {JobWorkerError} `failed_precondition` if there are more than we serve
 */
export function inheritedSockets(
  environment: (name: string) => string | undefined,
  { pid, hasRest }: { readonly pid: number; readonly hasRest: boolean },
): InheritedSockets {
  // They are meant for one process, whose children inherit its environment.
  const count = environment("LISTEN_PID") === `${pid}` ? Number(environment("LISTEN_FDS")) : 0;
  const max = hasRest ? 2 : 1;
  if (count > max) {
    const served = hasRest ? "gRPC and REST are served" : "gRPC is served, and REST is off";
    throw failedPrecondition(
      `Cannot use the ${count} sockets that systemd has handed over: ${served}; ` +
        "write one line ListenStream= for each in the socket unit",
    );
  }
  return { grpc: count > 0 ? FIRST : null, rest: count > 1 ? FIRST + 1 : null };
}
