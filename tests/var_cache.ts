/**
 * Where root unpacks the executables for everybody on the machine: no test may do that, but in a
 * `/var/cache` of its own.
 *
 * @module
 */

/** What root has unpacked is in here. */
export const UNPACKED_BY_ROOT = "/var/cache/job-worker";

/** The words before a program that give it an empty `/var/cache` of its own. Needs root, for mount(2). */
export const WITH_OWN_VAR_CACHE: readonly string[] = [
  ...["/usr/bin/unshare", "--mount", "/bin/sh", "-euc"],
  '/bin/mount -t tmpfs -o mode=755 tmpfs /var/cache; exec "$@"',
  "sh",
];
