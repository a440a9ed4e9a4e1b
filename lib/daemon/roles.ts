/** The words by which the daemon's executable takes another role than that of the engine. */
export const GATEWAY_ROLE = "gateway";
export const EXECUTOR_ROLE = "executor";
export const AGENT_ROLE = "agent";
export const EXPORTER_ROLE = "exporter";
export const NOTIFIER_ROLE = "notifier";

/** Those of processes that are started with this program's own module: an executor has a smaller one. */
export const OWN_ROLES = [GATEWAY_ROLE, AGENT_ROLE, EXPORTER_ROLE, NOTIFIER_ROLE] as const;
