/**
 * Reads the text format of Prometheus, version 0.0.4, more strictly than Prometheus does: what that would let pass, and
 * nobody means, is an error here.
 *
 * @module
 */

import { assert } from "../assert.ts";

/** A value, and whose it is. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with all of its values. */
export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: Sample[];
}

const NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const SAMPLE = /^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-z_]+)="((?:[^"\\]|\\["\\n])*)"(?:,(?=.)|$)/y;

/** The metrics of a text, by their names. */
export function parseExposition(text: string): Map<string, Family> {
  assert.ok(text.endsWith("\n"), "The last line ends, too");
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let current: readonly [name: string, family: Family] | null = null;
  const lines = text.slice(0, -1).split("\n");
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const [, name = "", help = ""] = /^# HELP (\S+) (.+)$/.exec(line) ?? [];
    if (name !== "") {
      const [, typed, type = ""] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(
        lines[++at] ?? "",
      ) ?? [];
      assert.equal(typed, name, "The type of a metric follows its help");
      assert.ok(!families.has(name), `${name} is in one place`);
      assert.match(name, NAME);
      current = [name, { help, type, samples: [] }];
      families.set(...current);
      continue;
    }
    assert.ok(current !== null, `What is measured is said first: ${line}`);
    const sample = parseSample(line);
    const series = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).toSorted())}`;
    assert.ok(!seen.has(series), `There is one value of ${series}`);
    seen.add(series);
    checkBelongs(sample, current);
    current[1].samples.push(sample);
  }
  for (const [name, family] of families) checkFamily(name, family);
  return families;
}

/** The value of a series; 0 if there is none yet. */
export function valueOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const family = families.get(name.replace(/_(bucket|count|sum)$/, "")) ?? families.get(name);
  assert.ok(family !== undefined, `${name} is there`);
  const found = family.samples.find((sample) =>
    sample.name === name &&
    Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
  );
  return found?.value ?? 0;
}

function parseSample(line: string): Sample {
  const [, name = "", set = "", text = ""] = SAMPLE.exec(line) ?? [];
  assert.notEqual(name, "", line);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let end = 0; end < set.length; end = LABEL.lastIndex) {
    const [, label = "", value = ""] = LABEL.exec(set) ?? [];
    assert.match(label, NAME, line);
    assert.ok(!Object.hasOwn(labels, label), line);
    labels[label] = value.replace(/\\(.)/g, (_, char) => char === "n" ? "\n" : char);
  }
  const value = text === "+Inf" ? Infinity : Number(text);
  assert.ok(text !== "" && !Number.isNaN(value), line);
  return { name, labels, value };
}

function checkBelongs(
  { name, labels }: Sample,
  [family, { type }]: readonly [name: string, family: Family],
): void {
  const suffixes = type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
  assert.ok(suffixes.some((suffix) => name === family + suffix), `${name} is below ${family}`);
  assert.equal("le" in labels, name.endsWith("_bucket") && type === "histogram", name);
}

function checkFamily(name: string, { type, samples }: Family): void {
  assert.equal(name.endsWith("_total"), type === "counter", name);
  assert.ok(!/_(count|sum|bucket)$/.test(name), name);
  for (const { value } of samples) assert.ok(value >= 0, name);
  const labels = samples.map((sample) => Object.keys(sample.labels).filter((key) => key !== "le"));
  for (const keys of labels) assert.deepEqual(keys, labels[0], name);
  if (type === "histogram") checkHistogram(name, samples);
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const bySeries = Map.groupBy(samples, ({ labels: { le: _, ...rest } }) => JSON.stringify(rest));
  for (const [series, of] of bySeries) {
    const buckets = of.filter((sample) => sample.name.endsWith("_bucket"));
    const bounds = buckets.map(({ labels: { le = "" } }) => le === "+Inf" ? Infinity : Number(le));
    assert.deepEqual(bounds, bounds.toSorted((a, b) => a - b), `${name} ${series}`);
    assert.equal(bounds.at(-1), Infinity, `${name} ${series}`);
    const counts = buckets.map(({ value }) => value);
    assert.deepEqual(counts, counts.toSorted((a, b) => a - b), `${name} ${series}`);
    const [sum, count] = ["_sum", "_count"].map((suffix) =>
      of.find((sample) => sample.name === name + suffix)?.value
    );
    assert.equal(count, counts.at(-1), `${name} ${series}`);
    assert.ok(sum !== undefined, `${name} ${series}`);
  }
}
