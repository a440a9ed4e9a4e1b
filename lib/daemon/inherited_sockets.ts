import { failedPrecondition } from "../errors.ts";

/** Sockets that listen already, by their numbers as descriptors; `null` where we bind one ourselves. */
export interface InheritedSockets {
  readonly grpc: number | null;
  readonly rest: number | null;
}

/** The first descriptor that systemd hands over, `SD_LISTEN_FDS_START` in sd_listen_fds(3). */
const FIRST = 3;

/**
 * What systemd has handed over to this process, see systemd.socket(5): first the socket of gRPC, then
 * that of REST, as the lines `ListenStream=` have them. They stay open while we restart, so that who
 * connects then waits instead of being refused.
 *
 * Deno passes inherited descriptors on to whatever it starts. The gateways need that; jobs and the
 * shell of the engine close them, see `lib/process/enter_job.sh`.
 *
 * @throws {JobWorkerError} `failed_precondition` if there are more than are served
 */
export function inheritedSockets(
  environment: (name: string) => string | undefined,
  { pid, hasRest }: { readonly pid: number; readonly hasRest: boolean },
): InheritedSockets {
  // They are meant for one process, and its children have its environment.
  const count = environment("LISTEN_PID") === `${pid}` ? Number(environment("LISTEN_FDS")) : 0;
  const most = hasRest ? 2 : 1;
  if (count > most) {
    const served = hasRest ? "gRPC and REST are served" : "gRPC is served, and REST is off";
    throw failedPrecondition(
      `Cannot use the ${count} sockets that systemd has handed over: ${served}; ` +
        "write as many lines ListenStream= in the socket unit",
    );
  }
  return { grpc: count > 0 ? FIRST : null, rest: count > 1 ? FIRST + 1 : null };
}
