import { failedPrecondition, messageOf } from "../errors.ts";

/**
 * Locks a directory against others who lock it, until the result is disposed of. Waits for those who
 * have locked it before.
 *
 * @throws {JobWorkerError} `failed_precondition` if it cannot be locked
 */
export async function lockDirectory(directory: string): Promise<Disposable> {
  using resources = new DisposableStack();
  try {
    const lock = resources.use(await Deno.open(directory));
    await lock.lock(true);
  } catch (error) {
    throw failedPrecondition(`Cannot lock "${directory}": ${messageOf(error)}`, error);
  }
  return resources.move();
}
