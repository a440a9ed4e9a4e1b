import { bothOutputs } from "../lib/stdio/both_outputs.ts";

const { stdout } = bothOutputs();

/** What a figure is compared with: a limit, or the same without what is measured. */
export interface Yardstick {
  readonly value: number;
  /** What it is, in some words. */
  readonly name: string;
}

/** Prints a line of text. */
export function print(line: string): void {
  stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** One line of the report: a figure, and its ratio to what it is compared with. */
export function report(name: string, value: number, unit: string, yardstick: Yardstick): void {
  const figure = (value: number) => `${value.toFixed(value < 100 ? 1 : 0).padStart(7)} ${unit}`;
  // Nothing can be said of what took no time at all.
  const ratio = (yardstick.value === 0 ? "-" : (value / yardstick.value).toFixed(2)).padStart(6);
  const columns = [
    name.padEnd(44),
    figure(value).padEnd(13),
    ratio,
    ` of ${figure(yardstick.value).padEnd(13)}`,
  ];
  print(`  ${columns.join("")} ${yardstick.name}`);
}

/** What is said of each figure, and its unit. */
export type Rows<Figures> = {
  readonly [Name in keyof Figures]: readonly [what: string, unit: string];
};

/** A line for each of some figures, each to the same figure of something else. */
export function reportAll<Name extends string>(
  rows: Rows<Record<Name, number>>,
  who: string,
  found: Readonly<Record<Name, number>>,
  limits: Readonly<Record<Name, number>>,
  limit: string,
): void {
  for (const name of Object.keys(rows) as Name[]) {
    const [what, unit] = rows[name];
    report(`${what}, ${who}`, found[name], unit, { value: limits[name], name: limit });
  }
}
