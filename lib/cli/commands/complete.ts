import { SHELL_COMPLETES } from "../completion_scripts.ts";
import type { Candidate, Completion } from "../completion_values.ts";
import { analyse } from "../completions.ts";
import { describeGrammar, parse } from "../grammar.ts";
import type { CompleteVerb } from "../invocation.ts";
import { type Io, printLine } from "../io.ts";
import { jobWords, type Lookup, wordsOfHosts, wordsOfJobs } from "../lookups.ts";
import { REST_SHAPES } from "../rest_grammar.ts";
import { printable } from "../../text/printable.ts";

/** The user is waiting for an answer to a key press. */
const TIMEOUT_MS = 2_000;

/**
 * Prints what can follow a line, one candidate per line: the word, a tab, and its description; or that the shell is to
 * complete a file. If the daemon cannot be asked, it prints nothing, and does not complain.
 */
export async function complete(io: Io, { words }: CompleteVerb): Promise<number> {
  const { lead, prefix, completion, settings } = analyse(describeGrammar(), words, {
    forms: REST_SHAPES,
  });
  if (completion.kind === "files" || completion.kind === "directories") {
    await printLine(io.stdout, SHELL_COMPLETES[completion.kind]);
    return 0;
  }
  const all = await candidatesOf(completion, prefix, { io, settings }).catch(() => []);
  const lines = all.filter(({ value }) => value.startsWith(prefix)).map(({ value, about }) =>
    `${lead}${value}${about === "" ? "" : `\t${about}`}`
  );
  if (lines.length > 0) await printLine(io.stdout, lines.join("\n"));
  return 0;
}

/** Where candidates are looked up. */
interface Source {
  readonly io: Io;
  /** The options of the line that say which daemon to ask. */
  readonly settings: readonly string[];
}

async function candidatesOf(
  completion: Completion,
  prefix: string,
  source: Source,
): Promise<readonly Candidate[]> {
  switch (completion.kind) {
    case "candidates":
      return completion.candidates;
    case "contexts": {
      const { contexts } = source.io.directory.contexts();
      return Object.entries(contexts).map(([value, { address = "" }]) => ({
        value,
        about: printable(address),
      }));
    }
    case "jobs":
      return await asking(source, (daemon) => jobWords(daemon, { ...completion, prefix }));
    case "labels":
    case "owners":
    case "names":
      return await asking(source, (daemon) => wordsOfJobs(daemon, completion.kind));
    case "hosts":
    case "selectors":
      return await asking(source, (daemon) => wordsOfHosts(daemon, completion.kind));
    case "list": {
      const before = prefix.slice(0, prefix.lastIndexOf(",") + 1);
      const found = await candidatesOf(completion.of, prefix.slice(before.length), source);
      return found.map(({ value, about }) => ({ value: before + value, about }));
    }
    case "either": {
      // What can be said without the daemon is said.
      const found = completion.of.map((one) => candidatesOf(one, prefix, source).catch(() => []));
      return (await Promise.all(found)).flat();
    }
    // Only by itself: the shell completes them.
    case "files":
    case "directories":
      return [];
  }
}

/** Asks the daemon that the line is about. */
async function asking(
  { io, settings }: Source,
  look: (daemon: Lookup) => Promise<readonly Candidate[]>,
): Promise<readonly Candidate[]> {
  const parsed = parse([...settings, "health"], io.environment, io.directory);
  if (parsed.kind !== "invocation") return [];
  await using client = await io.connect(parsed.invocation.settings, { onReconnecting: () => {} });
  const signal = AbortSignal.any([io.interrupted, AbortSignal.timeout(TIMEOUT_MS)]);
  return await look({ client, signal });
}
