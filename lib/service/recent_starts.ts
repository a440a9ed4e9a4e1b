import { readFully } from "../files/read_fully.ts";

/** How much of the end of the trail is read, in bytes: far more than was under way at any one time. */
const TAIL_BYTES = 8 * 1024 * 1024;

/**
 * The ids of the jobs that were started last, as the audit trail has them.
 *
 * @param path of the trail
 */
export async function recentStarts(path: string): Promise<Set<string>> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  await file.seek(Math.max(0, size - TAIL_BYTES), Deno.SeekMode.Start);
  const tail = new Uint8Array(Math.min(size, TAIL_BYTES));
  const text = new TextDecoder().decode(tail.subarray(0, await readFully(file, tail)));
  return new Set(text.split("\n").map(startedIn).filter((jobId) => jobId !== null));
}

/** The id of the job whose start a line tells of, if it does. */
function startedIn(line: string): string | null {
  if (!line.includes('"startJob"')) return null;
  try {
    const { method, jobId, result } = JSON.parse(line);
    return method === "startJob" && result === "ok" ? jobId : null;
  } catch {
    // A power cut, or our own look at the end, has cut it.
    return null;
  }
}
