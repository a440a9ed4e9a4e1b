import { type AddressInfo, createServer } from "node:net";
import { JobWorkerError, messageOf } from "./errors.ts";
import { formatHostPort, type HostPort } from "./host_port.ts";

/**
 * Makes sure that nobody listens there. A listener that shares its port would not notice a process
 * that is not ours, such as a second daemon.
 *
 * @returns the port, chosen now if it was 0
 * @throws {JobWorkerError} `failed_precondition`, see {@linkcode cannotListen}
 */
export async function findFreePort({ hostname, port }: HostPort): Promise<number> {
  const server = createServer();
  const bound = Promise.withResolvers<void>();
  server.once("error", bound.reject);
  server.listen({ host: hostname, port }, bound.resolve);
  try {
    await bound.promise;
  } catch (error) {
    throw cannotListen({ hostname, port }, error);
  }
  const free = (server.address() as AddressInfo).port;
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  await closed.promise;
  return free;
}

/** What to say of a port that could not be bound. */
export function cannotListen({ hostname, port }: HostPort, cause: unknown): JobWorkerError {
  const reason = String(Reflect.get(Object(cause), "code"));
  const remedy = reason === "EADDRINUSE"
    ? "the port is in use; stop what uses it, or choose another"
    : messageOf(cause);
  const message = `Cannot listen on ${formatHostPort(hostname, port)}: ${remedy}`;
  return new JobWorkerError("failed_precondition", message, { cause, reason });
}
