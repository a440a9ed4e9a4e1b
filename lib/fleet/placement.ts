import { JobWorkerError } from "../errors.ts";
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

/** Where a job may run now. */
export interface Placement<T extends Candidate> {
  /** The hosts that may have it, the one with most to spare first. */
  readonly places: readonly T[];
  /** The same, and then those that are there and have no room. */
  readonly online: readonly T[];
  /** Why there is none, in words: `"3 of 3 hosts of role=web are full"`; `""` if there is one. */
  readonly why: string;
  readonly code: "failed_precondition" | "unavailable" | "resource_exhausted";
}

/** Finds the hosts that may have a job. */
export function placementFor<T extends Candidate>(
  candidates: readonly T[],
  selector: HostSelector,
): Placement<T> {
  const selected = candidates.filter((candidate) => selects(selector, candidate));
  if (selected.length === 0) {
    const why = noneText(selector, candidates.length);
    return { places: [], online: [], why, code: "failed_precondition" };
  }
  const online = selected.filter(({ isOnline }) => isOnline)
    .toSorted((a, b) => a.used / a.slots - b.used / b.slots);
  const places = online.filter(({ used, slots }) => used < slots);
  if (places.length > 0) return { places, online, why: "", code: "resource_exhausted" };
  const offline = selected.length - online.length;
  const what = (count: number) => selectedText(selector, count, selected.length);
  if (online.length === 0) {
    return { places, online, why: `${what(offline)} offline`, code: "unavailable" };
  }
  const others = offline === 0 ? "" : `, ${offline} ${are(offline)} offline`;
  const why = `${what(online.length)} full${others}`;
  return { places, online, why, code: "resource_exhausted" };
}

/** The error for a job that has no place, and may not wait for one. */
export function notPlaced(
  { why, code }: Placement<Candidate>,
  { host, labels }: HostSelector,
): JobWorkerError {
  const text = `Cannot place the job: ${why}`;
  if (code === "unavailable") return new JobWorkerError(code, text, { reason: HOST_OFFLINE });
  const field = host !== "" ? "on.host" : Object.keys(labels).length > 0 ? "on.labels" : undefined;
  const isWrong = code === "failed_precondition" && field !== undefined;
  return new JobWorkerError(code, text, isWrong ? { field } : {});
}

/** So many of the hosts that a selector means: `3 of 4 hosts of role=web are`, or `host "web-1" is`. */
function selectedText({ host, labels }: HostSelector, count: number, all: number): string {
  if (host !== "") return `host "${host}" is`;
  const pairs = pairsOf(labels).join(",");
  return `${count} of ${all} ${all === 1 ? "host" : "hosts"}${pairs === "" ? "" : ` of ${pairs}`} ${
    are(count)
  }`;
}

function noneText({ host, labels }: HostSelector, hosts: number): string {
  const pairs = pairsOf(labels).join(",");
  if (host !== "") return `no host is "${host}"${pairs === "" ? "" : ` and has ${pairs}`}`;
  return hosts === 0 ? "the fleet has no hosts" : `no host has ${pairs}`;
}

function pairsOf(labels: HostSelector["labels"]): string[] {
  return Object.entries(labels).map(([name, value]) => `${name}=${value}`);
}

function are(count: number): string {
  return count === 1 ? "is" : "are";
}
