import type { Command, Found } from "../parser.ts";

/** Defines what `--keep-connection` starts; not for people. */
export function defineKeep(program: Command, found: Found): void {
  program.command("__keep", { hidden: true }).action(() => found({ kind: "__keep" }));
}
