/**
 * The signatures of what is in use of two packages that the build machines cannot fetch, as the documentation of
 * `@std/assert` 1.0.16 and `@std/cli` 1.0.27 has them: https://jsr.io/@std/assert/doc and https://jsr.io/@std/cli/doc.
 *
 * @module
 */

// deno-lint-ignore no-explicit-any -- That is how it is documented.
type ErrorClass<E> = abstract new (...args: any[]) => E;

declare class AssertionError extends Error {
  constructor(message: string, options?: ErrorOptions);
}

/** `@std/assert` */
export interface Assert {
  readonly AssertionError: typeof AssertionError;
  readonly assert: (expr: unknown, msg?: string) => asserts expr;
  readonly equal: (a: unknown, b: unknown) => boolean;
  readonly assertEquals: <T>(actual: T, expected: T, msg?: string) => void;
  readonly assertStrictEquals: <T>(
    actual: unknown,
    expected: T,
    msg?: string,
  ) => asserts actual is T;
  readonly assertMatch: (actual: string, expected: RegExp, msg?: string) => void;
  readonly assertNotMatch: (actual: string, expected: RegExp, msg?: string) => void;
  readonly assertStringIncludes: (actual: string, expected: string, msg?: string) => void;
  readonly assertIsError: <E extends Error = Error>(
    error: unknown,
    ErrorClass?: ErrorClass<E>,
    msgMatches?: string | RegExp,
    msg?: string,
  ) => asserts error is E;
  readonly assertThrows: {
    (fn: () => unknown, msg?: string): unknown;
    <E extends Error = Error>(
      fn: () => unknown,
      ErrorClass: ErrorClass<E>,
      msgIncludes?: string,
      msg?: string,
    ): E;
  };
  readonly assertRejects: {
    (fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
    <E extends Error = Error>(
      fn: () => PromiseLike<unknown>,
      ErrorClass: ErrorClass<E>,
      msgIncludes?: string,
      msg?: string,
    ): Promise<E>;
  };
}

/** `@std/cli/unicode-width` */
export interface UnicodeWidth {
  readonly unicodeWidth: (str: string) => number;
}

/** What a `formatter` of a progress bar in `@std/cli/unstable-progress-bar` is given. */
export interface ProgressBarFormatter {
  styledTime: string;
  styledData: (fractions?: number) => string;
  progressBar: string;
  time: number;
  previousTime: number;
  value: number;
  previousValue: number;
  max: number;
}

/** The options that its constructor takes. */
export interface ProgressBarOptions {
  writable?: WritableStream<Uint8Array>;
  value?: number;
  max: number;
  barLength?: number;
  fillChar?: string;
  emptyChar?: string;
  clear?: boolean;
  formatter?: (formatter: ProgressBarFormatter) => string;
  keepOpen?: boolean;
  refreshMilliseconds?: number;
}

/** What it makes. */
export interface ProgressBar {
  value: number;
  max: number;
  stop(): Promise<void>;
}

/** Options of `parseArgs()` in `@std/cli/parse-args`. */
export interface ParseOptions<TBooleans extends string, TStrings extends string, TDefault> {
  "--"?: boolean;
  alias?: Partial<Record<string, string | readonly string[]>>;
  boolean?: TBooleans | readonly TBooleans[];
  default?: TDefault;
  stopEarly?: boolean;
  string?: TStrings | readonly TStrings[];
  collect?: string | readonly string[];
  negatable?: string | readonly string[];
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/**
 * What `parseArgs()` returns for a boolean `b`, a string `s`, and a string `d` that has a default. How its documented type
 * tells this from the options takes some hundred lines.
 */
export interface ParsedArgs extends Record<string, unknown> {
  b: boolean;
  s?: string;
  d: string;
  _: (string | number)[];
}
