import { failedPrecondition, JobWorkerError } from "../errors.ts";
import type { HostSelector } from "../job/host.ts";
import { HOST_OFFLINE } from "./transport.ts";

/** A host that a job may be given to. */
export interface Candidate {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;
  /** How many of them are taken. */
  readonly used: number;
  readonly isOnline: boolean;
}

/** Whether a host is one of those that a selector means. */
export function selects(
  { host, labels }: HostSelector,
  candidate: Pick<Candidate, "name" | "labels">,
): boolean {
  return (host === "" || host === candidate.name) &&
    Object.entries(labels).every(([name, value]) => candidate.labels[name] === value);
}

/**
 * The hosts that may have a job, the one with most to spare first.
 *
 * @throws `failed_precondition` if there is no such host, `unavailable` if all of them are offline,
 *   `resource_exhausted` if those that are not are full; each says so in words
 */
export function placesFor<T extends Candidate>(
  candidates: readonly T[],
  selector: HostSelector,
): T[] {
  const selected = candidates.filter((candidate) => selects(selector, candidate));
  const what = selectorText(selector);
  if (selected.length === 0) throw none(selector, what);
  const online = selected.filter(({ isOnline }) => isOnline);
  const free = online.filter(({ used, slots }) => used < slots);
  if (free.length > 0) return free.toSorted((a, b) => a.used / a.slots - b.used / b.slots);
  const offline = selected.length - online.length;
  const whole = `${selected.length} ${selected.length === 1 ? "host" : "hosts"}${what}`;
  if (online.length === 0) {
    const text = `Cannot place the job: ${offline} of ${whole} ${are(offline)} offline`;
    throw new JobWorkerError("unavailable", text, { reason: HOST_OFFLINE });
  }
  const others = offline === 0 ? "" : `, ${offline} ${are(offline)} offline`;
  throw new JobWorkerError(
    "resource_exhausted",
    `Cannot place the job: ${online.length} of ${whole} ${are(online.length)} full${others}`,
  );
}

/** What a selector asks for, after the word "hosts". */
function selectorText({ host, labels }: HostSelector): string {
  const parts = [
    ...host === "" ? [] : [`"${host}"`],
    ...Object.entries(labels).map(([name, value]) => `${name}=${value}`),
  ];
  return parts.length === 0 ? "" : ` of ${parts.join(",")}`;
}

function none({ host }: HostSelector, what: string): JobWorkerError {
  if (what === "") return failedPrecondition("Cannot place the job: the fleet has no hosts");
  const field = host === "" ? "on.labels" : "on.host";
  const text = `Cannot place the job: the fleet has no host${what}`;
  return new JobWorkerError("failed_precondition", text, { field });
}

function are(count: number): string {
  return count === 1 ? "is" : "are";
}
