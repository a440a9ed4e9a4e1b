/**
 * Completion of command lines. The script for each shell is a few lines long: it asks
 * `worker-cli __complete` what can follow, so all shells offer the same, and what is true now.
 *
 * @module
 */

import { ROLES } from "../auth/identity.ts";
import type { CommandShape, OptionShape } from "./command_shape.ts";

/** The supported shells. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

export type Shell = typeof SHELLS[number];

/** The script for each shell. Where there is nothing to offer, the shell offers files. */
export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# Completion of worker-cli for bash: source <(worker-cli completions bash)
_worker_cli() {
  local line=\${COMP_LINE:0:COMP_POINT} words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  mapfile -t COMPREPLY < <("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null | cut -f 1)
}
complete -o default -F _worker_cli worker-cli`,
  zsh: `#compdef worker-cli
# Completion of worker-cli for zsh: source <(worker-cli completions zsh), after compinit
_worker_cli() {
  local -a found
  found=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -z "\${found[*]}" ]]; then
    _files
  else
    found=("\${(@)found//:/\\\\:}")
    found=("\${(@)found/$'\\t'/:}")
    _describe -V worker-cli found
  fi
}
compdef _worker_cli worker-cli`,
  fish: `# Completion of worker-cli for fish: worker-cli completions fish | source
function __worker_cli
    set -l words (commandline -opc) (commandline -ct)
    $words[1] __complete -- $words[2..] 2>/dev/null
end
complete -c worker-cli -k -a '(__worker_cli)'`,
};

/** A word that fits where the cursor is. */
export interface Candidate {
  readonly value: string;
  readonly about: string;
}

/** What to offer: fixed candidates, or those that have to be looked up. */
export type Completion =
  | { readonly kind: "candidates"; readonly candidates: readonly Candidate[] }
  /** Ids and names of jobs; `live` if only those of jobs that have not ended make sense. */
  | { readonly kind: "jobs"; readonly live: boolean }
  | { readonly kind: "contexts" };

const NOTHING: Completion = { kind: "candidates", candidates: [] };

/** What a partly typed line says. */
export interface Analysis {
  /** The part of the word before the cursor. */
  readonly prefix: string;
  readonly completion: Completion;
  /** The options that apply to every subcommand, with their values. */
  readonly settings: readonly string[];
}

/**
 * Finds out what to offer. Pure.
 *
 * @param words the words after the program's name; the last one is at the cursor, and may be empty
 */
export function analyse(program: CommandShape, words: readonly string[]): Analysis {
  const prefix = words.at(-1) ?? "";
  const settings: string[] = [];
  let command = program;
  let argument = 0;
  let awaiting: OptionShape | null = null;
  for (const word of words.slice(0, -1)) {
    if (awaiting !== null) {
      if (program.options.includes(awaiting)) settings.push(awaiting.long, word);
      awaiting = null;
    } else if (word === "--") {
      // The rest is the user's command.
      return { prefix, settings, completion: NOTHING };
    } else if (word.startsWith("-")) {
      const [long] = word.split("=");
      const option = optionNamed(program, long) ?? optionNamed(command, long);
      if (option?.takesValue && !word.includes("=")) awaiting = option;
      else if (optionNamed(program, long)?.takesValue) settings.push(word);
    } else if (command === program) {
      const found = program.commands.find(({ name }) => name === word);
      if (found === undefined) return { prefix, settings, completion: NOTHING };
      command = found;
    } else {
      argument++;
    }
  }
  const completion = awaiting !== null
    ? completionOfValue(awaiting)
    : prefix.startsWith("-")
    ? candidates(command.options.map(({ long, about }) => ({ value: long, about })))
    : command === program
    ? candidates(program.commands.map(({ name, about }) => ({ value: name, about })))
    : completionOfArgument(command, argument);
  return { prefix, settings, completion };
}

function optionNamed({ options }: CommandShape, long: string | undefined): OptionShape | null {
  return options.find((option) => option.long === long) ?? null;
}

function completionOfValue(option: OptionShape): Completion {
  if (option.long === "--role") return candidates(ROLES.map((value) => ({ value, about: "" })));
  return option.long === "--context" ? { kind: "contexts" } : NOTHING;
}

function completionOfArgument(command: CommandShape, index: number): Completion {
  const argument = command.arguments[index];
  if (argument === undefined) return NOTHING;
  if (argument.name === "jobId") {
    return {
      kind: "jobs",
      live: ["stop", "wait", "signal", "kill", "update"].includes(command.name),
    };
  }
  if (command.name === "context" && argument.name === "name") return { kind: "contexts" };
  return candidates(argument.choices.map((value) => ({ value, about: "" })));
}

function candidates(all: readonly Candidate[]): Completion {
  return { kind: "candidates", candidates: all };
}
