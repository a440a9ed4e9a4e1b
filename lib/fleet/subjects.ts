/**
 * The subjects of NATS that a fleet uses. The permissions in `nats.conf` go by the same names.
 *
 * @module
 */

/** Below it lies everything that is sent to a host. */
const HOSTS = "jw.host";
const BEATS = "jw.beat";

/** Where a host expects the calls of a method. */
export function callSubject(host: string, method: string): string {
  return `${HOSTS}.${host}.${method}`;
}

/** What comes instead of a method to say that the answer to a call is not wanted any more. */
export const CANCEL = "cancel";

/** Everything that a host listens to. */
export function hostSubjects(host: string): string {
  return `${HOSTS}.${host}.>`;
}

/** The last token of a subject: of one for a host, the method. */
export function lastToken(subject: string): string {
  return subject.slice(subject.lastIndexOf(".") + 1);
}

/** A subject without its last token: of that of an answer, what is the same for all calls of a hub. */
export function parentOf(subject: string): string {
  return subject.slice(0, subject.lastIndexOf("."));
}

/** Where an agent says that it is there. */
export function beatSubject(host: string): string {
  return `${BEATS}.${host}`;
}

/** What an agent says there last. */
export const LEAVING = "";

/** Where all of them say so. */
export const ALL_BEATS = `${BEATS}.*`;

/**
 * Below it the answers to the calls of a hub go, each to the process that has asked: hubs that share a registry have
 * one name, and the hub before may have calls under way.
 */
export function hubInbox(hub: string): string {
  return `_INBOX.hub-${hub}`;
}

/** The inbox of a host: nothing is asked from there, but the client has one. */
export function hostInbox(host: string): string {
  return `_INBOX.${host}`;
}
