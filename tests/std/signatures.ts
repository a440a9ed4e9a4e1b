/**
 * The modules of `lib/std/` can be exchanged for the packages that they stand in for: what compiles with them compiles
 * with the packages. The compiler finds what is not so, in `deno check` and in `signatures_test.ts`.
 *
 * @module
 */

import type * as assertions from "@std/assert";
import type { Args, ParseOptions } from "@std/cli/parse-args";
import type * as width from "@std/cli/unicode-width";
import type { ProgressBar, ProgressBarOptions } from "@std/cli/unstable-progress-bar";
import type * as documented from "./documented.ts";

/** Compiles if what is documented can stand wherever the code has ours. */
type Exchange<Ours, Theirs extends Ours> = [Ours, Theirs];

type OurOptions = ParseOptions<"b", "s" | "d", { d: string }>;
type TheirOptions = documented.ParseOptions<"b", "s" | "d", { d: string }>;

export type Exchanges = [
  Exchange<typeof assertions, documented.Assert>,
  Exchange<typeof width, documented.UnicodeWidth>,
  Exchange<Pick<ProgressBar, keyof ProgressBar>, documented.ProgressBar>,
  // Options go the other way: ours are given to theirs.
  Exchange<documented.ProgressBarOptions, ProgressBarOptions>,
  Exchange<TheirOptions, OurOptions>,
  Exchange<Args<"b", "s" | "d", { d: string }>, documented.ParsedArgs>,
];

/** Every one of these has something else than ours, which the compiler must see. */
export type Faults = [
  // @ts-expect-error A function is missing.
  Exchange<typeof assertions, Omit<documented.Assert, "assertRejects">>,
  // @ts-expect-error It returns something else.
  Exchange<Pick<typeof assertions, "equal">, { equal: (a: unknown, b: unknown) => void }>,
  // @ts-expect-error It takes something else.
  Exchange<typeof width, { unicodeWidth: (str: URL) => number }>,
  // @ts-expect-error It asks for an option that we do not give.
  Exchange<TheirOptions & { alias: string }, OurOptions>,
  // @ts-expect-error It need not be there.
  Exchange<Args<"b", "s" | "d", { d: string }>, Omit<documented.ParsedArgs, "b"> & { b?: boolean }>,
];
