/**
 * The grammar as data, for completions and manual pages.
 *
 * @module
 */

/** A program or subcommand. */
export interface CommandShape {
  readonly name: string;
  readonly about: string;
  readonly usage: string;
  readonly arguments: readonly ArgumentShape[];
  readonly options: readonly OptionShape[];
  readonly commands: readonly CommandShape[];
}

export interface ArgumentShape {
  readonly name: string;
  /** The accepted values; empty if any value is. */
  readonly choices: readonly string[];
}

export interface OptionShape {
  /** As in the help: `-f, --follow` or `--cert <file>`. */
  readonly flags: string;
  /** `--follow`; `-9` if that is all there is. */
  readonly long: string;
  /** `-f`; `""` if there is none. */
  readonly short: string;
  readonly about: string;
  readonly takesValue: boolean;
}

/** The part of a command of the parser package that is needed here. */
interface ParserCommand {
  name(): string;
  description(): string;
  usage(): string;
  readonly registeredArguments: readonly {
    name(): string;
    readonly argChoices?: readonly string[] | undefined;
  }[];
  readonly options: readonly {
    readonly flags: string;
    readonly long?: string | undefined;
    readonly short?: string | undefined;
    readonly description: string;
    readonly required: boolean;
    readonly hidden: boolean;
  }[];
  readonly commands: readonly ParserCommand[];
}

/** The shape of a command of the parser, without hidden subcommands and options. */
export function shapeOf(command: ParserCommand): CommandShape {
  return {
    name: command.name(),
    about: command.description(),
    usage: command.usage(),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      choices: argument.argChoices ?? [],
    })),
    options: command.options.filter(({ hidden }) => !hidden).map((option) => ({
      flags: option.flags,
      long: option.long ?? option.flags,
      short: option.short ?? "",
      about: option.description,
      takesValue: option.required,
    })),
    commands: command.commands.filter((inner) => !inner.name().startsWith("_")).map(shapeOf),
  };
}
