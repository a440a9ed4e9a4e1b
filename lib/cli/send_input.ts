import { abortable } from "../async/abortable.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import type { Context } from "./context.ts";

/** How many bytes to send at once. */
const PIECE_BYTES = 256 * 1024;

/**
 * Sends standard input and its end to a job, no faster than the job reads it. Returns early if the job
 * stops reading: it may have all that it needs.
 *
 * @throws {JobWorkerError} if standard input cannot be read, or the job cannot be reached
 */
export async function sendInput(
  { io, client }: Context,
  jobId: string,
  signal: AbortSignal,
): Promise<void> {
  const buffer = new Uint8Array(PIECE_BYTES);
  let offset = 0;
  try {
    for (let end = false; !end;) {
      // The user may never type anything; the end of the job ends the wait.
      const length = await abortable(readInput(io.stdin, buffer), signal);
      end = length === null;
      const data = buffer.subarray(0, length ?? 0);
      await client.writeInput({ jobId, offset, data, end }, { signal });
      offset += data.length;
    }
  } catch (error) {
    if (!(error instanceof JobWorkerError && error.code === "failed_precondition")) throw error;
  }
}

async function readInput(
  stdin: Context["io"]["stdin"],
  buffer: Uint8Array<ArrayBuffer>,
): Promise<number | null> {
  try {
    return await stdin.read(buffer);
  } catch (error) {
    const message = `Cannot read standard input: ${messageOf(error)}`;
    throw new JobWorkerError("data_loss", message, { cause: error });
  }
}
