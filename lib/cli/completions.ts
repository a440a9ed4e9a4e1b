/**
 * Which words can follow a line that is partly typed.
 *
 * @module
 */

import type { CommandShape, OptionShape } from "./command_shape.ts";
import {
  candidates,
  type Completion,
  completionOfArgument,
  completionOfOption,
  NOTHING,
} from "./completion_values.ts";

/** What a partly typed line says. */
export interface Analysis {
  /** The part of the word at the cursor that stays as it is: `--log-policy=`. */
  readonly lead: string;
  /** What is to be completed: the rest of it. */
  readonly prefix: string;
  readonly completion: Completion;
  /** The options that apply to every subcommand, with their values. */
  readonly settings: readonly string[];
}

/** Options of {@linkcode analyse}. */
export interface AnalyseOptions {
  /** The options of the forms that have no subcommand. */
  readonly forms?: readonly OptionShape[];
}

/**
 * Finds out what to offer. Pure.
 *
 * @param words the words after the program's name; the last one is at the cursor, and may be empty
 */
export function analyse(
  program: CommandShape,
  words: readonly string[],
  { forms = [] }: AnalyseOptions = {},
): Analysis {
  const word = words.at(-1) ?? "";
  const settings: string[] = [];
  const offer = (completion: Completion, lead = ""): Analysis => ({
    lead,
    prefix: word.slice(lead.length),
    completion,
    settings,
  });
  let command = program;
  let argument = 0;
  let awaiting: OptionShape | null = null;
  let isForm = false;
  const find = (name: string) =>
    optionNamed([...program.options, ...forms, ...command.options], name);
  for (const word of words.slice(0, -1)) {
    if (awaiting !== null) {
      if (program.options.includes(awaiting)) settings.push(awaiting.long, word);
      awaiting = null;
    } else if (word === "--") {
      // The rest is the user's command.
      return offer(NOTHING);
    } else if (isOption(word)) {
      const option = find(word);
      isForm ||= option !== null && forms.includes(option);
      if (option?.takesValue && !word.includes("=")) awaiting = option;
      else if (option?.takesValue && program.options.includes(option)) settings.push(word);
    } else if (command !== program) {
      // One whose words are known is left out before any other word.
      const { choices = [] } = command.arguments[argument] ?? {};
      argument += choices.length === 0 || choices.includes(word) ? 1 : 2;
    } else if (word === "help") {
      return offer(subcommands(program));
    } else {
      const found = program.commands.find(({ name }) => name === word);
      if (found === undefined) return offer(NOTHING);
      command = found;
    }
  }
  if (awaiting !== null) return offer(completionOfOption(command, awaiting));
  const [name = "", ...value] = word.split("=");
  if (isOption(word) && value.length > 0) {
    const option = find(name);
    return offer(option?.takesValue ? completionOfOption(command, option) : NOTHING, `${name}=`);
  }
  if (word.startsWith("-")) {
    const own = command === program ? [...command.options, ...forms] : command.options;
    return offer(candidates(own.map(({ long, about }) => ({ value: long, about }))));
  }
  if (isForm) return offer(NOTHING);
  if (command === program) return offer(subcommands(program));
  const shape = command.arguments[argument];
  return offer(shape === undefined ? NOTHING : completionOfArgument(command, shape));
}

/** A hyphen alone stands for something. */
function isOption(word: string): boolean {
  return word.startsWith("-") && word !== "-";
}

/** The option of a word such as `--tail`, `--tail=3`, `-n` or `-fn`: the last one of several. */
function optionNamed(options: readonly OptionShape[], word: string): OptionShape | null {
  const [long] = word.split("=");
  const short = `-${word.at(-1)}`;
  return options.find((option) => option.long === long) ??
    (word.startsWith("--") ? null : options.find((option) => option.short === short) ?? null);
}

function subcommands({ commands }: CommandShape): Completion {
  return candidates(commands.map(({ name, about }) => ({ value: name, about })));
}
