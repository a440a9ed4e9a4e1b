/**
 * Stands in for `@std/assert`, which the build machines cannot fetch, see `docs/packages.md`. The assertions that the
 * tests use are here, over those of node.
 *
 * @module
 */

import { AssertionError as NodeAssertionError } from "node:assert";
import { isDeepStrictEqual } from "node:util";

/** A class of errors, which need not have instances of its own. */
// deno-lint-ignore no-explicit-any -- That is how it is documented.
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

/** An assertion does not hold. */
export class AssertionError extends Error {
  override readonly name: string = "AssertionError";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Fails unless a condition is true, or truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/**
 * Whether two values have the same structure, down to the leaves. It sees more differences than the package does: +0
 * is not -0, and an object without a prototype is not one that has it.
 */
export function equal(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b);
}

/** Fails unless two values are {@linkcode equal}. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  const { message } = new NodeAssertionError({ actual, expected, operator: "deepStrictEqual" });
  throw new AssertionError(`Values are not equal${endOf(msg)}\n${message}`);
}

/** Fails unless both are the same value: the very same, where they are objects. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const { message } = new NodeAssertionError({ actual, expected, operator: "strictEqual" });
  throw new AssertionError(`Values are not the same${endOf(msg)}\n${message}`);
}

/** Fails unless a pattern matches in a text. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(`${Deno.inspect(actual)} does not match ${expected}${endOf(msg)}`);
}

/** Fails if a pattern matches in a text. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) return;
  throw new AssertionError(`${Deno.inspect(actual)} matches ${expected}${endOf(msg)}`);
}

/** Fails unless a text is part of another. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  const texts = `${Deno.inspect(actual)} does not include ${Deno.inspect(expected)}`;
  throw new AssertionError(texts + endOf(msg));
}

/** Fails unless a value is an error, of a class if one is given, and with this in its message. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: ErrorClass<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof (ErrorClass ?? Error))) {
    const name = ErrorClass?.name ?? "Error";
    throw new AssertionError(`${Deno.inspect(error)} is not an instance of ${name}${endOf(msg)}`);
  }
  if (msgMatches instanceof RegExp) assertMatch(error.message, msgMatches, msg);
  else if (msgMatches !== undefined) assertStringIncludes(error.message, msgMatches, msg);
}

/** Fails unless a function throws, and returns what it throws. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Fails unless a function throws an error of this class with this in its message, and returns that. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMsg?: ErrorClass<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const expected = expectation(classOrMsg, msgIncludes, msg);
  try {
    fn();
  } catch (error) {
    expected.check(error);
    return error;
  }
  throw new AssertionError(`The function did not throw${endOf(expected.msg)}`);
}

/** Fails unless the promise that a function returns is rejected, and returns with what. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/**
 * Fails unless the promise that a function returns is rejected with an error of this class and with this in its
 * message, and returns that.
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorClass<Error> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const expected = expectation(classOrMsg, msgIncludes, msg);
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    const thrown = `The function threw instead of returning a promise${endOf(expected.msg)}`;
    throw new AssertionError(thrown, { cause: error });
  }
  try {
    await promise;
  } catch (error) {
    expected.check(error);
    return error;
  }
  throw new AssertionError(`The promise was not rejected${endOf(expected.msg)}`);
}

/** What an error must be, from the arguments of the two forms of `assertThrows()` and `assertRejects()`. */
function expectation(
  classOrMsg: ErrorClass<Error> | string | undefined,
  msgIncludes: string | undefined,
  msg: string | undefined,
): { readonly msg: string | undefined; readonly check: (error: unknown) => void } {
  if (classOrMsg === undefined) return { msg, check: () => {} };
  if (typeof classOrMsg === "string") return { msg: classOrMsg, check: () => {} };
  return { msg, check: (error) => assertIsError(error, classOrMsg, msgIncludes, msg) };
}

/** What the caller adds to what is wrong. */
function endOf(msg: string | undefined): string {
  return msg === undefined || msg === "" ? "" : `: ${msg}`;
}
