import { parseByteSize } from "../../text/byte_size.ts";
import { parseDuration } from "../../text/duration.ts";
import { invalidArgument } from "../../errors.ts";
import type { PruneVerb } from "../invocation.ts";
import { type Command, type Found, option, subcommand } from "../parser.ts";
import { parseCount, parseText } from "../values.ts";

interface PruneOptions {
  readonly olderThan?: number;
  readonly keep?: number;
  readonly keepBytes?: number;
  readonly owner?: string;
  readonly dryRun?: boolean;
}

function pruneVerbOf(options: PruneOptions): PruneVerb {
  const { olderThan: maxAgeMs, keep: maxCount, keepBytes: maxBytes } = options;
  if ((maxAgeMs ?? maxCount ?? maxBytes) === undefined) {
    throw invalidArgument("Prune needs --older-than, --keep or --keep-bytes");
  }
  return {
    kind: "prune",
    ...(maxAgeMs !== undefined && { maxAgeMs }),
    ...(maxCount !== undefined && { maxCount }),
    ...(maxBytes !== undefined && { maxBytes }),
    dryRun: options.dryRun ?? false,
    owner: options.owner ?? "",
  };
}

/** Defines `prune`. */
export function definePrune(program: Command, found: Found): void {
  subcommand(program, "prune", "remove finished jobs and their logs")
    .addOption(
      option(
        "--older-than <duration>",
        "remove jobs that ended longer ago than this, e.g. 30d",
        parseDuration,
      ),
    )
    .addOption(option("--keep <n>", "keep only the newest n jobs", (text) => parseCount(text, 0)))
    .addOption(
      option(
        "--keep-bytes <size>",
        "keep only the newest jobs whose logs fit in this size",
        parseByteSize,
      ),
    )
    .addOption(option("--owner <user>", "only jobs of this user", parseText))
    .option("--dry-run", "only show what would be removed")
    .addHelpText(
      "after",
      "\nIf several limits are given, a job that exceeds any of them is removed. Jobs\n" +
        "that have not ended, or whose logs are being read, stay. Of several users,\n" +
        "whoever has the most loses the oldest first.",
    )
    .action((options: PruneOptions) => found(pruneVerbOf(options)));
}
