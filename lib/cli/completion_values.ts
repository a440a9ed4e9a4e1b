/**
 * What may follow each option and stand for each argument, where a shell is to complete it. An option without an entry
 * fails a test.
 *
 * @module
 */

import { ROLES } from "../auth/identity.ts";
import { IF_HOST_LOST } from "../job/host.ts";
import { logPolicyText } from "../job/log_limit.ts";
import { SIGNALS } from "../job/signals.ts";
import { LOG_POLICIES } from "../job/types.ts";
import { JOB_METHODS } from "../service/methods.ts";
import type { ArgumentShape, CommandShape, OptionShape } from "./command_shape.ts";
import { COLUMN_NAMES } from "./job_columns.ts";

/** A word that fits where the cursor is. */
export interface Candidate {
  readonly value: string;
  readonly about: string;
}

/** What to offer: fixed candidates, or those that have to be looked up. */
export type Completion =
  | { readonly kind: "candidates"; readonly candidates: readonly Candidate[] }
  /**
   * Ids and names of jobs, or whole ids where nothing else will do; `live` if only those of jobs that have not ended
   * make sense.
   */
  | { readonly kind: "jobs"; readonly live: boolean; readonly wholeIds?: boolean }
  | { readonly kind: "contexts" }
  /** What the newest jobs have, which is what is most likely meant. */
  | { readonly kind: "labels" | "owners" | "names" }
  /** Hosts of a fleet; as a selector also their labels. */
  | { readonly kind: "hosts" | "selectors" }
  /** What is on this machine: the shell knows how to complete it. */
  | { readonly kind: "files" | "directories" }
  /** Several of these, separated by commas. */
  | { readonly kind: "list"; readonly of: Completion }
  | { readonly kind: "either"; readonly of: readonly Completion[] };

/** Fixed candidates. */
export function candidates(all: readonly Candidate[]): Completion {
  return { kind: "candidates", candidates: all };
}

function words(...values: readonly string[]): Completion {
  return candidates(values.map((value) => ({ value, about: "" })));
}

/** What only the user knows, or what is on the server. A file of this machine would never fit. */
export const NOTHING: Completion = candidates([]);

const FILE: Completion = { kind: "files" };
const HOST: Completion = { kind: "hosts" };
const LABEL: Completion = { kind: "labels" };
const NAME: Completion = { kind: "names" };
const OWNER: Completion = { kind: "owners" };
const JOB: Completion = { kind: "jobs", live: false };
const SIGNAL = words(...SIGNALS);

/** By the long name of the option, with its subcommand where another one means something else by it. */
export const OPTION_VALUES: Readonly<Record<string, Completion>> = {
  "--address": NOTHING,
  "--ca": FILE,
  "--ca-key": FILE,
  "--cert": FILE,
  "--context": { kind: "contexts" },
  "--cpus": NOTHING,
  "--cwd": NOTHING,
  "--days": NOTHING,
  "--deny-list": FILE,
  "--dir": { kind: "directories" },
  "--env": NOTHING,
  "--grace": NOTHING,
  "--host": HOST,
  "certs --host": NOTHING,
  "--if-host-lost": words(...IF_HOST_LOST),
  "--job": JOB,
  "--keep": NOTHING,
  "--keep-bytes": NOTHING,
  "--keep-connection": NOTHING,
  "--key": FILE,
  "--label": LABEL,
  "--limit": words("all"),
  "--log-limit": NOTHING,
  "--log-policy": words(...LOG_POLICIES.map(logPolicyText)),
  "--max-failures": NOTHING,
  "--memory": NOTHING,
  // "connect", "login" and "fleet" are not called, but are what somebody is turned away from.
  "--method": words(...JOB_METHODS, "connect", "login", "fleet"),
  "--name": NAME,
  "--nice": NOTHING,
  "--notify": NOTHING,
  "--older-than": NOTHING,
  "--on": { kind: "list", of: { kind: "selectors" } },
  "--output": {
    kind: "either",
    of: [{ kind: "list", of: words(...COLUMN_NAMES) }, words("wide", "json")],
  },
  "--owner": OWNER,
  "--parallel": NOTHING,
  "--password-file": FILE,
  "--priority": NOTHING,
  "--processes": NOTHING,
  "--request-id": NOTHING,
  "--rest-address": NOTHING,
  "--role": { kind: "list", of: words(...ROLES) },
  "--signal": SIGNAL,
  "--since": NOTHING,
  // REST has no other way to name a job.
  "--status": { kind: "jobs", live: false, wholeIds: true },
  "--stop": { kind: "jobs", live: true, wholeIds: true },
  "--tail": NOTHING,
  "--timeout": NOTHING,
  "update --timeout": words("none"),
  "--umask": NOTHING,
  "--until": NOTHING,
  "--user": NOTHING,
  "audit --user": OWNER,
  "--waves": NOTHING,
};

/** By the name of the argument, likewise, where the grammar has no choices. */
export const ARGUMENT_VALUES: Readonly<Record<string, Completion>> = {
  "command": NOTHING,
  "jobId": JOB,
  ...Object.fromEntries(
    ["stop", "signal", "kill", "update", "wait"].map((
      verb,
    ) => [`${verb} jobId`, { kind: "jobs", live: true }]),
  ),
  "certs name": words("server"),
  "context name": { kind: "contexts" },
  "signal": SIGNAL,
  // The job may stand alone.
  "logs streams": JOB,
};

/** What may be the value of an option. */
export function completionOfOption(command: CommandShape, { long }: OptionShape): Completion {
  return OPTION_VALUES[`${command.name} ${long}`] ?? OPTION_VALUES[long] ?? NOTHING;
}

/** What may stand for an argument. */
export function completionOfArgument(
  command: CommandShape,
  { name, choices }: ArgumentShape,
): Completion {
  const value = ARGUMENT_VALUES[`${command.name} ${name}`] ?? ARGUMENT_VALUES[name];
  if (choices.length === 0) return value ?? NOTHING;
  return value === undefined
    ? words(...choices)
    : { kind: "either", of: [words(...choices), value] };
}
