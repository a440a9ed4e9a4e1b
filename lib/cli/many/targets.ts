import type { Command, Job, JobEnd, RunEvent } from "../job_client.ts";
import { endWords, isLost } from "../../job/job_words.ts";

/** How it ends for a target. */
export const OUTCOMES = [
  "done",
  "failed",
  "refused",
  "offline",
  "unknown",
  "not_started",
] as const;

export type Outcome = typeof OUTCOMES[number];

/** What a target is in: its turn has not come, its host has been asked, its job is there, or how that has ended. */
export type TargetState = "waiting" | "starting" | "running" | Outcome;

/** A host that the command is for. */
export interface Target {
  readonly host: string;
  /** Fixed before the first try, so that a repeat starts nothing twice. */
  readonly requestId: string;
  readonly state: TargetState;
  /** The job, once there is one. */
  readonly job: Job | null;
  /** More about the state, in words; `""` if there is no more to say. */
  readonly detail: string;
}

/**
 * What counts as a failure: the command did not do what it should, or may not have, because of us. A host that is
 * offline was not touched.
 */
const FAILURES: ReadonlySet<TargetState> = new Set(["failed", "refused", "unknown"]);

const IN_FLIGHT: ReadonlySet<TargetState> = new Set(["starting", "running"]);

/** The targets of a command, and what has become of each. */
export class Targets {
  readonly #targets = new Map<string, Target>();
  readonly #command: Command;
  readonly #counts = new Map<TargetState, number>();

  /** @param requestId the beginning of the ids of all requests */
  constructor(hosts: readonly string[], command: Command, requestId: string) {
    this.#command = command;
    for (const host of hosts) {
      const id = `${requestId}:${host}`;
      this.#put({ host, requestId: id, state: "waiting", job: null, detail: "" });
    }
  }

  /** In the order of the hosts. */
  all(): Target[] {
    return [...this.#targets.values()];
  }

  in(...states: readonly TargetState[]): Target[] {
    return this.all().filter(({ state }) => states.includes(state));
  }

  count(state: TargetState): number {
    return this.#counts.get(state) ?? 0;
  }

  get size(): number {
    return this.#targets.size;
  }

  get failures(): number {
    return this.#sum(FAILURES);
  }

  /** How many may still become failures. */
  get inFlight(): number {
    return this.#sum(IN_FLIGHT);
  }

  set(host: string, state: TargetState, detail = ""): Target {
    const target = { ...this.#get(host), state, detail };
    this.#put(target);
    return target;
  }

  /** Takes note of what a hub has told. */
  apply({ host, job, log, failure }: RunEvent): Target {
    const target = this.#get(host);
    if (failure !== undefined) {
      const kind = failure.kind === "unanswered" ? "unknown" : failure.kind;
      return this.set(host, kind, failure.message);
    }
    const told = log?.finishedJob ?? job ?? null;
    if (told === null) return target;
    const known = { ...told, command: this.#command };
    const { end } = known;
    const state = end === null ? "running" : isLost(known) ? "unknown" : outcomeOf(end);
    const detail = end === null || state === "done" ? "" : endWords(end).join(", ");
    const next: Target = { ...target, state, detail, job: known };
    this.#put(next);
    return next;
  }

  #get(host: string): Target {
    const target = this.#targets.get(host);
    if (target === undefined) throw new TypeError(`Cannot find the target "${host}"`);
    return target;
  }

  #put(target: Target): void {
    const before = this.#targets.get(target.host)?.state;
    if (before !== undefined) this.#counts.set(before, this.count(before) - 1);
    this.#targets.set(target.host, target);
    this.#counts.set(target.state, this.count(target.state) + 1);
  }

  #sum(states: ReadonlySet<TargetState>): number {
    return [...states].reduce((sum, state) => sum + this.count(state), 0);
  }
}

function outcomeOf({ status }: JobEnd): Outcome {
  return status === "done" ? "done" : "failed";
}
