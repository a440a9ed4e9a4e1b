import { readFully } from "../files/read_fully.ts";
import { trailFiles } from "./audit_files.ts";

/** How much of the end of the trail is read, in bytes: far more than was under way at any one time. */
const TAIL_BYTES = 8 * 1024 * 1024;

/**
 * The ids of the jobs that were started last, as the audit trail has them. If its file was begun a moment ago,
 * the ones before it are read as well.
 *
 * @param path of the trail
 */
export async function recentStarts(path: string): Promise<Set<string>> {
  const started = new Set<string>();
  let left = TAIL_BYTES;
  for (const file of (await trailFiles(path)).reverse()) {
    if (left === 0) break;
    const tail = await tailOf(file.path, left);
    left -= tail.byteLength;
    for (const line of new TextDecoder().decode(tail).split("\n")) {
      const jobId = startedIn(line);
      if (jobId !== null) started.add(jobId);
    }
  }
  return started;
}

async function tailOf(path: string, most: number): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  await file.seek(Math.max(0, size - most), Deno.SeekMode.Start);
  const tail = new Uint8Array(Math.min(size, most));
  return tail.subarray(0, await readFully(file, tail));
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
