import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { isLastEvent } from "../../job/run_event.ts";
import type { LogBatch, LogStream, RunEvent } from "../job_client.ts";
import { Lines } from "./lines.ts";
import { nodeSet } from "./node_set.ts";
import { gapText, type Outputs, type Printer } from "./printer.ts";
import type { PrefixPrinter } from "./prefix_printer.ts";
import { stateText } from "./summary.ts";
import type { Target } from "./targets.ts";

/** How much output is held, of all hosts together. Equal output that has ended counts once. */
const MAX_BYTES = 64 * 1024 * 1024;

const RULE = "-".repeat(15);
const encoder = new TextEncoder();

type Held = Record<LogStream, Uint8Array[]>;

/** The hosts with the same output, and the same end. */
interface Group {
  readonly hosts: string[];
  readonly end: string;
  readonly output: Held;
}

/** Options of {@linkcode GroupPrinter}. */
export interface GroupPrinterOptions {
  /** Prints that of which too much would have to be held. */
  readonly prefix: PrefixPrinter;
  /** How much is held; 64 MiB by default. */
  readonly maxBytes?: number;
}

/** Folds equal output, as `clush -b` does: it is printed at the end, once for all the hosts that it comes from. */
export class GroupPrinter implements Printer {
  readonly #outputs: Outputs;
  readonly #prefix: PrefixPrinter;
  readonly #maxBytes: number;
  #bytes = 0;
  /** What has come of those that have not ended. */
  readonly #held = new Map<string, Held>();
  /** Those that are printed as it comes. */
  readonly #unfolded = new Set<string>();
  readonly #groups = new Map<string, Group>();

  constructor(outputs: Outputs, { prefix, maxBytes = MAX_BYTES }: GroupPrinterOptions) {
    this.#outputs = outputs;
    this.#prefix = prefix;
    this.#maxBytes = maxBytes;
  }

  async event(target: Target, event: RunEvent): Promise<void> {
    const { host } = target;
    if (this.#unfolded.has(host)) return await this.#prefix.event(target, event);
    if (event.log !== undefined) await this.#hold(host, event.log);
    if (!isLastEvent(event)) return;
    if (this.#unfolded.has(host)) await this.#prefix.finish(host);
    else this.#fold(target);
  }

  /** Prints the largest groups first. */
  async end(): Promise<void> {
    await this.#prefix.end();
    const groups = [...this.#groups.values()].map((group) => ({
      ...group,
      name: nodeSet(group.hosts),
    })).toSorted((a, b) => b.hosts.length - a.hosts.length || (a.name < b.name ? -1 : 1));
    for (const group of groups) await this.#print(group);
    // They were left while they ran.
    for (const [host, output] of this.#held) {
      await this.#print({ name: host, hosts: [host], end: "", output });
    }
  }

  async #hold(host: string, { records, gap }: LogBatch): Promise<void> {
    if (gap !== undefined) await this.#outputs.stderr.write(encoder.encode(gapText(host, gap)));
    const held = this.#heldOf(host);
    for (const { stream, data } of records) {
      this.#bytes += data.byteLength;
      // The batch that it is a part of may be much larger.
      held[stream === "stderr" ? "stderr" : "stdout"].push(data.slice());
    }
    if (this.#bytes > this.#maxBytes) await this.#unfold(host);
  }

  /** Prints what is held of a host, and from now on whatever comes. */
  async #unfold(host: string): Promise<void> {
    if (this.#unfolded.size === 0) {
      const text = `worker-cli: The output that is held for --group has more than ` +
        `${this.#maxBytes} bytes: what comes from now on is printed as it comes\n`;
      await this.#outputs.stderr.write(encoder.encode(text));
    }
    this.#unfolded.add(host);
    const held = this.#heldOf(host);
    this.#held.delete(host);
    for (const stream of ["stdout", "stderr"] as const) {
      this.#bytes -= sizeOf(held[stream]);
      const records = held[stream].map((data) => ({
        ...{ offset: 0, time: 0, stream },
        data: new Uint8Array(data),
      }));
      await this.#prefix.print(host, { records });
    }
  }

  #heldOf(host: string): Held {
    const held = this.#held.get(host) ?? { stdout: [], stderr: [] };
    this.#held.set(host, held);
    return held;
  }

  #fold(target: Target): void {
    const { host, job } = target;
    const output = this.#heldOf(host);
    this.#held.delete(host);
    const end = stateText(target);
    const size = sizeOf(output.stdout) + sizeOf(output.stderr);
    // What has become of it is in the summary.
    if (job === null && size === 0) return;
    const key = keyOf(end, output);
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, { hosts: [host], end, output });
    else {
      group.hosts.push(host);
      this.#bytes -= size;
    }
  }

  async #print({ name, hosts, end, output }: Group & { readonly name: string }): Promise<void> {
    const { stdout, stderr } = this.#outputs;
    const head = `${name} (${hosts.length})${end === "done" || end === "" ? "" : `: ${end}`}`;
    await stdout.write(encoder.encode(`${RULE}\n${head}\n${RULE}\n`));
    await stdout.write(wholeLines(output.stdout, ""));
    await stderr.write(wholeLines(output.stderr, `${name} | `));
  }
}

/** Output with the end of its last line, and something before each. */
function wholeLines(pieces: readonly Uint8Array[], prefix: string): Uint8Array {
  const lines = new Lines(encoder.encode(prefix));
  const whole = lines.add(Buffer.concat(pieces));
  return Buffer.concat([whole, lines.end()]);
}

function keyOf(end: string, { stdout, stderr }: Held): string {
  const hash = createHash("sha256").update(`${end}\n${sizeOf(stdout)}\n`);
  for (const piece of [...stdout, ...stderr]) hash.update(piece);
  return hash.digest("base64");
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
