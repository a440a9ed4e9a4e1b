import { createServer } from "node:net";
import { JobWorkerError, messageOf } from "../errors.ts";
import { bind } from "./bind.ts";
import { formatHostPort, type HostPort } from "./host_port.ts";

/**
 * Makes sure that nobody listens on the port. A listener that shares its port would not notice a process that is
 * not ours, such as a second daemon.
 *
 * @returns the port, or a free one if it is 0
 * @throws {JobWorkerError} see {@linkcode cannotListen}
 */
export async function findFreePort({ hostname, port }: HostPort): Promise<number> {
  const server = createServer();
  const bound = await bind(server, { hostname, port }).catch((error) => {
    throw cannotListen({ hostname, port }, error);
  });
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  await closed.promise;
  return bound.port;
}

/**
 * The errors that last until somebody changes the configuration. Others may pass: soon after the boot an address
 * may not exist yet, which is EINVAL in Deno, and names may not resolve yet.
 */
const LASTING = ["EACCES", "EPERM", "EAFNOSUPPORT"];

const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: "permission denied; choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE",
  EADDRINUSE: "the port is in use; stop what uses it, or choose another",
  EADDRNOTAVAIL: "this machine has no such address, or not yet",
  EINVAL: "this machine has no such address, or not yet",
  ENOTFOUND: "this name does not resolve, or not yet",
};

/** The error for a port that could not be bound: `unavailable` if that may pass by itself. */
export function cannotListen({ hostname, port }: HostPort, cause: unknown): JobWorkerError {
  const reason = String(Reflect.get(Object(cause), "code"));
  const remedy = REMEDIES[reason] ?? messageOf(cause);
  const message = `Cannot listen on ${formatHostPort(hostname, port)}: ${remedy}`;
  const code = LASTING.includes(reason) ? "failed_precondition" : "unavailable";
  return new JobWorkerError(code, message, { cause, reason });
}
