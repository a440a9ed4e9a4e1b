import { failedPrecondition, messageOf } from "../errors.ts";

/**
 * Keeps everybody else who asks from a directory until it is disposed of; waits for those who asked before.
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
