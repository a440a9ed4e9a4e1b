import { jobJson, recordJson } from "../../job/job_json.ts";
import { jsonLine } from "../../text/printable.ts";
import type { RunEvent } from "../job_client.ts";
import type { Outputs, Printer } from "./printer.ts";
import { OUTCOMES, type Target, type Targets } from "./targets.ts";

const encoder = new TextEncoder();

/** Prints one line of JSON for everything that happens, each with the name of its host. */
export class JsonPrinter implements Printer {
  readonly #stdout: Outputs["stdout"];
  readonly #targets: Targets;
  /** The hosts whose end was told. */
  readonly #ended = new Set<string>();

  constructor(targets: Targets, { stdout }: Pick<Outputs, "stdout">) {
    this.#stdout = stdout;
    this.#targets = targets;
  }

  async event(target: Target, { job, log, failure }: RunEvent): Promise<void> {
    const { host, state, detail } = target;
    const lines: unknown[] = [];
    if (job !== undefined && target.job !== null) lines.push({ startedJob: jobJson(target.job) });
    if (log?.gap !== undefined) lines.push({ gap: log.gap });
    for (const record of log?.records ?? []) lines.push(recordJson(record));
    if (log?.finishedJob && target.job !== null) {
      lines.push({ state, finishedJob: jobJson(target.job) });
    }
    if (failure !== undefined) lines.push({ state, detail });
    if (failure !== undefined || log?.finishedJob) this.#ended.add(host);
    const text = lines.map((line) => `${jsonLine({ host, ...Object(line) })}\n`).join("");
    if (text !== "") await this.#stdout.write(encoder.encode(text));
  }

  /** Tells of those of which nothing has come, or not the end; the last line is about all of them. */
  async end(): Promise<void> {
    const targets = this.#targets;
    for (const { host, state, detail } of targets.all()) {
      if (this.#ended.has(host)) continue;
      await this.#stdout.write(encoder.encode(`${jsonLine({ host, state, detail })}\n`));
    }
    const counts = OUTCOMES.map((outcome) => [outcome, targets.count(outcome)]);
    const summary = { hosts: targets.size, ...Object.fromEntries(counts) };
    await this.#stdout.write(encoder.encode(`${jsonLine({ summary })}\n`));
  }
}
