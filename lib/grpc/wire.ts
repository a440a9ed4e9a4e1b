/**
 * Between the messages of the wire contract and the words of Job Worker, both ways, and nothing
 * else: a request is validated by the service. What has no word is refused in a request, with the
 * field's name, and `unknown` in an answer of a server newer than we are.
 *
 * @module
 */

export * from "./wire_requests.ts";
export * from "./wire_responses.ts";
