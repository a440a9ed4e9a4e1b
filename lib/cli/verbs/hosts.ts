import type { HostSelector } from "../job_client.ts";
import { type Command, type Found, option, subcommand } from "../parser.ts";
import { parseSelector } from "../values.ts";

/** Defines `hosts`. */
export function defineHosts(program: Command, found: Found): void {
  subcommand(program, "hosts", "list the hosts of a fleet")
    .addOption(
      option(
        "--on <where>",
        "only this one, or those with labels: role=web,zone=eu",
        parseSelector,
      ),
    )
    .addHelpText(
      "after",
      "\nWhen not printing to a terminal: one line per host, without a heading, separated\n" +
        "by tabs: name, state, running, slots, queued, load, version, heardDate, labels,\n" +
        "detail.",
    )
    .action(({ on }: { readonly on?: HostSelector }) =>
      found({ kind: "hosts", ...(on && { on }) })
    );
}
