/** The words by which the daemon's executable takes another role than that of the engine. */
export const GATEWAY_ROLE = "gateway";
export const EXECUTOR_ROLE = "executor";
export const AGENT_ROLE = "agent";
export const EXPORTER_ROLE = "exporter";
export const NOTIFIER_ROLE = "notifier";
