import { printable } from "../../text/printable.ts";
import { nodeSet } from "./node_set.ts";
import { OUTCOMES, type Target, type Targets, type TargetState } from "./targets.ts";

/** The most lines, and the most characters of each. */
const MAX_LINES = 30;
const MAX_LENGTH = 300;

/** A state in words. */
export function stateWords(state: TargetState): string {
  return state.replace("_", " ");
}

/** The state of a target, with what more there is to say. */
export function stateText({ state, detail }: Target): string {
  const words = stateWords(state);
  return detail === "" ? words : `${words}: ${printable(detail)}`;
}

/** How it has ended for all targets: `5 hosts: 3 done, 1 failed, 1 offline`. */
export function countsText(targets: Targets): string {
  const counts = OUTCOMES.flatMap((outcome) => {
    const count = targets.count(outcome);
    return count === 0 ? [] : [`${count} ${stateWords(outcome)}`];
  });
  return `${targets.size} ${targets.size === 1 ? "host" : "hosts"}: ${counts.join(", ")}`;
}

/** What has become of those that are not done, as lines: those that have ended alike share one. */
export function undoneLines(targets: Targets): string[] {
  const alike = new Map<string, string[]>();
  for (const outcome of OUTCOMES.filter((outcome) => outcome !== "done")) {
    for (const target of targets.in(outcome)) {
      // The name of the host is in many a message about it.
      const detail = target.detail.replaceAll(`"${target.host}"`, "").replaceAll("  ", " ");
      const text = stateText({ ...target, detail });
      alike.set(text, [...alike.get(text) ?? [], target.host]);
    }
  }
  const lines = [...alike].map(([text, hosts]) => cut(`${nodeSet(hosts)}: ${text}`));
  const more = lines.length - MAX_LINES;
  return more <= 0 ? lines : [...lines.slice(0, MAX_LINES), `and ${more} lines more; see --json`];
}

function cut(line: string): string {
  return line.length <= MAX_LENGTH ? line : `${line.slice(0, MAX_LENGTH)}…`;
}
