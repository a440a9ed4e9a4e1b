import { failedPrecondition } from "../errors.ts";

const MIN_VERSION = [2, 12, 6] as const;

/**
 * Refuses a server that is too old.
 *
 * @param version as the server tells it to its clients: `2.15.1`, `2.12.6-RC.1`
 * @throws {JobWorkerError} `failed_precondition`, naming both versions
 */
export function checkNatsVersion(version: string): void {
  if (isRecent(version)) return;
  throw failedPrecondition(
    `Cannot use nats-server ${version || "of an unknown version"}: use ${MIN_VERSION.join(".")} ` +
      "or later; an older one may take the holder of one certificate for another (CVE-2026-33248)",
  );
}

function isRecent(version: string): boolean {
  const [, numbers = "", rest] = /^(\d+\.\d+\.\d+)([-+].*)?$/.exec(version) ?? [];
  const parts = numbers.split(".").map(Number);
  for (const [index, min] of MIN_VERSION.entries()) {
    const part = parts[index] ?? NaN;
    if (part !== min) return part > min;
  }
  // What comes after a dash is before the version itself: semver.org, 11.
  return !rest?.startsWith("-");
}
