import { type LabelsOf, METRIC_NAMES, type MetricName, METRICS } from "./catalogue.ts";
import type { HistogramState } from "./histogram.ts";

/** The media type of the text. */
export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type NameOf<Type extends string> = {
  [Name in MetricName]: typeof METRICS[Name]["type"] extends Type ? Name : never;
}[MetricName];

/**
 * What is measured, as the text that Prometheus reads, version 0.0.4 of its format:
 * <https://prometheus.io/docs/instrumenting/exposition_formats/>.
 *
 * ```ts
 * import { Exposition } from "./exposition.ts";
 *
 * const exposition = new Exposition("hub");
 * exposition.add("job_worker_fleet_hosts", { state: "online" }, 3);
 * console.log(exposition.text().includes('job_worker_fleet_hosts{state="online"} 3'));
 * ```
 */
export class Exposition {
  readonly #by: "host" | "hub";
  readonly #lines = new Map<MetricName, string[]>();

  /** @param by who serves it: a metric that others serve must not be added */
  constructor(by: "host" | "hub") {
    this.#by = by;
  }

  /** Adds a value of a counter or gauge. */
  add<Name extends NameOf<"counter" | "gauge">>(
    name: Name,
    labels: LabelsOf<Name>,
    value: number,
  ): void {
    this.#line(name, name, labels, value);
  }

  addHistogram<Name extends NameOf<"histogram">>(
    name: Name,
    labels: LabelsOf<Name>,
    { bounds, counts, sum }: HistogramState,
  ): void {
    let count = 0;
    for (const [bucket, own] of counts.entries()) {
      count += own;
      const le = valueText(bounds[bucket] ?? Infinity);
      this.#line(name, `${name}_bucket`, { ...labels, le }, count);
    }
    this.#line(name, `${name}_sum`, labels, sum);
    this.#line(name, `${name}_count`, labels, count);
  }

  /** All of it; of a metric without a value, what it is. */
  text(): string {
    return METRIC_NAMES.filter((name) => isBy(name, this.#by)).map((name) => {
      const { type, help } = METRICS[name];
      const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
      return [...lines, ...this.#lines.get(name) ?? []].map((line) => `${line}\n`).join("");
    }).join("");
  }

  #line(
    name: MetricName,
    series: string,
    labels: Readonly<Record<string, string>>,
    value: number,
  ): void {
    if (!isBy(name, this.#by)) throw new TypeError(`Cannot add ${name}: no ${this.#by} serves it`);
    const lines = this.#lines.get(name) ?? [];
    this.#lines.set(name, lines);
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    const set = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
    lines.push(`${series}${set} ${valueText(value)}`);
  }
}

function isBy(name: MetricName, by: "host" | "hub"): boolean {
  const servedBy: readonly string[] = METRICS[name].by;
  return servedBy.includes(by);
}

function valueText(value: number): string {
  return value === Infinity ? "+Inf" : String(value);
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
