import { JobWorkerError } from "../errors.ts";

/** The errors, see errno(3), of a path that is missing, in the way, or not ours to use. */
const LASTING = new Set([
  "EACCES",
  "EEXIST",
  "EISDIR",
  "ELOOP",
  "ENAMETOOLONG",
  "ENOENT",
  "ENOTDIR",
  "ENOTEMPTY",
  "ENXIO",
  "EPERM",
  "EROFS",
]);

/**
 * Whether an error at a start lasts until somebody fixes something. Others may pass: a disk that is full or
 * broken, a port that is in use, too many processes.
 */
export function isLasting(error: unknown): boolean {
  if (error instanceof JobWorkerError) return error.code === "failed_precondition";
  if (error instanceof Deno.errors.NotCapable) return true;
  return LASTING.has(String(Reflect.get(Object(error), "code")));
}
