/**
 * The exit statuses of the daemon. The unit for systemd names the last two, after which it is not started
 * again; 78 is `EX_CONFIG` of sysexits.h(3head).
 */
export const EXIT_STATUS = { success: 0, failure: 1, usage: 2, configuration: 78 } as const;

/** What they mean. */
export const EXIT_STATUS_TEXTS: readonly (readonly [status: number, text: string])[] = [
  [EXIT_STATUS.success, "the daemon was asked to stop, or --check-config found nothing wrong"],
  [EXIT_STATUS.failure, "it could not start, for a reason that may pass, such as a port in use"],
  [EXIT_STATUS.usage, "an option or the configuration file is wrong"],
  [EXIT_STATUS.configuration, "something else must be fixed before it can start"],
];
