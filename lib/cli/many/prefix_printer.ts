import type { LogBatch, LogStream, RunEvent } from "../job_client.ts";
import { isLastEvent } from "../../job/run_event.ts";
import { Lines } from "./lines.ts";
import { gapText, type Outputs, type Printer } from "./printer.ts";
import type { Target } from "./targets.ts";

/** SGR codes, see ECMA-48: those of the dark colours, then of the bright ones. */
const COLORS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94] as const;

const encoder = new TextEncoder();

/** Prints output as it comes, each line with the name of its host before it. */
export class PrefixPrinter implements Printer {
  readonly #outputs: Outputs;
  readonly #prefixes: ReadonlyMap<string, string>;
  /** The lines of those that have printed something and have not ended. */
  readonly #lines = new Map<string, Record<LogStream, Lines>>();

  /** @param hosts all that may print something */
  constructor(hosts: readonly string[], outputs: Outputs, options: { readonly color: boolean }) {
    this.#outputs = outputs;
    const width = hosts.reduce((most, { length }) => Math.max(most, length), 0);
    this.#prefixes = new Map(hosts.map((host, index) => {
      const text = `${host.padEnd(width)} | `;
      const color = COLORS[index % COLORS.length];
      return [host, options.color ? `\x1b[${color}m${text}\x1b[39m` : text];
    }));
  }

  async event({ host }: Target, event: RunEvent): Promise<void> {
    if (event.log !== undefined) await this.print(host, event.log);
    if (isLastEvent(event)) await this.finish(host);
  }

  async end(): Promise<void> {
    for (const host of [...this.#lines.keys()]) await this.finish(host);
  }

  /** Prints some output of a host. */
  async print(host: string, { records, gap }: Pick<LogBatch, "records" | "gap">): Promise<void> {
    if (gap !== undefined) await this.#outputs.stderr.write(encoder.encode(gapText(host, gap)));
    for (const { stream, data } of records) {
      const name = stream === "stderr" ? "stderr" : "stdout";
      await this.#write(name, this.#linesOf(host)[name].add(data));
    }
  }

  /** Prints the last line of a host, if that did not end. */
  async finish(host: string): Promise<void> {
    const lines = this.#lines.get(host);
    if (lines === undefined) return;
    this.#lines.delete(host);
    await this.#write("stdout", lines.stdout.end());
    await this.#write("stderr", lines.stderr.end());
  }

  async #write(stream: LogStream, bytes: Uint8Array): Promise<void> {
    if (bytes.length > 0) await this.#outputs[stream].write(bytes);
  }

  #linesOf(host: string): Record<LogStream, Lines> {
    const known = this.#lines.get(host);
    if (known !== undefined) return known;
    const prefix = encoder.encode(this.#prefixes.get(host) ?? "");
    const lines = { stdout: new Lines(prefix), stderr: new Lines(prefix) };
    this.#lines.set(host, lines);
    return lines;
  }
}
