import { analyse, type Candidate, type Completion } from "../completions.ts";
import { describeGrammar, parse } from "../grammar.ts";
import type { CompleteVerb } from "../invocation.ts";
import { type Io, printLine } from "../io.ts";
import { LIVE_STATUSES } from "../../job/types.ts";
import { commandText } from "../../job/job_words.ts";
import { outcomeText } from "../job_text.ts";
import { printable } from "../../text/printable.ts";
import { textWidthFor, truncate } from "../text_width.ts";

/** The user is waiting for an answer to a key press. */
const TIMEOUT_MS = 2_000;

const MAX_JOBS = 50;

/**
 * Prints what can follow a line, one candidate per line: the word, a tab, and its description. If the
 * daemon cannot be asked, it prints nothing, and does not complain.
 */
export async function complete(io: Io, { words }: CompleteVerb): Promise<number> {
  const { prefix, completion, settings } = analyse(describeGrammar(), words);
  const all = await candidatesOf(io, completion, { prefix, settings }).catch(() => []);
  const lines = all.filter(({ value }) => value.startsWith(prefix)).map(({ value, about }) =>
    about === "" ? value : `${value}\t${about}`
  );
  if (lines.length > 0) await printLine(io.stdout, lines.join("\n"));
  return 0;
}

async function candidatesOf(
  io: Io,
  completion: Completion,
  { prefix, settings }: { prefix: string; settings: readonly string[] },
): Promise<readonly Candidate[]> {
  switch (completion.kind) {
    case "candidates":
      return completion.candidates;
    case "contexts": {
      const { contexts } = io.directory.contexts();
      return Object.entries(contexts).map(([value, { address = "" }]) => ({
        value,
        about: printable(address),
      }));
    }
    case "jobs":
      return await jobs(io, completion, { prefix, settings });
  }
}

async function jobs(
  io: Io,
  { live }: { live: boolean },
  { prefix, settings }: { prefix: string; settings: readonly string[] },
): Promise<readonly Candidate[]> {
  const parsed = parse([...settings, "health"], io.environment, io.directory);
  if (parsed.kind !== "invocation") return [];
  await using client = await io.connect(parsed.invocation.settings, { onReconnecting: () => {} });
  const filter = live ? { statuses: LIVE_STATUSES } : {};
  const signal = AbortSignal.any([io.interrupted, AbortSignal.timeout(TIMEOUT_MS)]);
  const page = { pageSize: MAX_JOBS, pageToken: "" };
  const mayBeId = /^[0-9a-f-]*$/.test(prefix);
  const [own, begun] = await Promise.all([
    client.listJobs({ filter, own: true, ...page }, { signal }),
    mayBeId
      ? client.listJobs({ filter: { ...filter, jobIdPrefix: prefix }, ...page }, { signal })
      : { jobs: [] },
  ]);
  const named = own.jobs.filter(({ name }) => name !== "");
  // The newest of each name, which is the one that the name stands for.
  const names = new Map(named.toReversed().map((job) => [job.name, job])).entries();
  const found = [...names, ...begun.jobs.map((job) => [job.jobId, job] as const)];
  const commands = found.map(([, job]) => commandText(job));
  const textWidth = await textWidthFor(commands);
  return found.map(([value, job], index) => ({
    value,
    about: `${outcomeText(job)}: ${truncate(commands[index] ?? "", 40, textWidth)}`,
  }));
}
