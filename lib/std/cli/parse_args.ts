/**
 * Stands in for `@std/cli/parse-args`, which the build machines cannot fetch, see `docs/packages.md`. Only long options
 * that are named in advance are here.
 *
 * @module
 */

/** Options of {@linkcode parseArgs}. */
export interface ParseOptions<
  TBooleans extends string,
  TStrings extends string,
  TDefaults extends Partial<Record<TBooleans, boolean> & Record<TStrings, string>>,
> {
  /** Options without a value; false where they are not given. */
  boolean?: readonly TBooleans[];
  /** Options with a value. */
  string?: readonly TStrings[];
  /** The values of options that are not given. */
  default?: TDefaults;
  /** Called for whatever else is on the line before `--`. It may throw. */
  unknown?: (arg: string) => unknown;
}

/** What {@linkcode parseArgs} finds: all that it can tell of before it looks. */
export type Args<TBooleans extends string, TStrings extends string, TDefaults> =
  & { [Name in TBooleans]: boolean }
  & { [Name in TStrings & keyof TDefaults]: string }
  & { [Name in Exclude<TStrings, keyof TDefaults>]?: string };

/**
 * Reads a command line. An option is given as `--name`, `--name value` or `--name=value`; where the value is missing,
 * it is the empty string.
 *
 * @example
 * ```ts
 * import { parseArgs } from "@std/cli/parse-args";
 * import { assertEquals } from "@std/assert";
 *
 * const { out, portable } = parseArgs(["--out", "dist"], { string: ["out"], boolean: ["portable"] });
 * assertEquals({ out, portable }, { out: "dist", portable: false });
 * ```
 */
export function parseArgs<
  TBooleans extends string = never,
  TStrings extends string = never,
  TDefaults extends Partial<Record<TBooleans, boolean> & Record<TStrings, string>> = Record<
    never,
    never
  >,
>(
  args: string[],
  options: ParseOptions<TBooleans, TStrings, TDefaults>,
): Args<TBooleans, TStrings, TDefaults> {
  const booleans: ReadonlySet<string> = new Set(options.boolean);
  const strings: ReadonlySet<string> = new Set(options.string);
  const found = new Map<string, boolean | string>();
  for (const name of booleans) found.set(name, false);
  for (const [name, value] of Object.entries<boolean | string>({ ...options.default })) {
    found.set(name, value);
  }
  const end = args.indexOf("--");
  const line = end === -1 ? args : args.slice(0, end);
  for (let index = 0; index < line.length; index++) {
    const arg = line[index] ?? "";
    const [, name = "", value] = /^--(.+?)(?:=(.+))?$/s.exec(arg) ?? [];
    const next = line[index + 1] ?? "";
    const isValue = booleans.has(name) ? /^(true|false)$/.test(next) : /^[^-]/.test(next);
    const given = value ?? (isValue ? next : undefined);
    if (booleans.has(name)) found.set(name, given !== "false");
    else if (strings.has(name)) found.set(name, given ?? "");
    else {
      options.unknown?.(arg);
      continue;
    }
    if (given !== value) index++;
  }
  return Object.fromEntries(found) as Args<TBooleans, TStrings, TDefaults>;
}
