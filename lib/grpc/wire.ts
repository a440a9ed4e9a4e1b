/**
 * Converts between the messages of the wire contract and the types of Job Worker, and nothing else: the service
 * validates requests. An unknown enum value is refused in a request, naming the field, and becomes `unknown` in
 * an answer of a newer server.
 *
 * @module
 */

export * from "./wire_audit.ts";
export * from "./wire_hosts.ts";
export * from "./wire_requests.ts";
export * from "./wire_responses.ts";
export * from "./wire_runs.ts";
