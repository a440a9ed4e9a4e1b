/**
 * What the grammar makes of a line, for tests that know which kind of answer it must be.
 *
 * @module
 */

import { parse } from "../../lib/cli/grammar.ts";
import type { Invocation, NewJob, Settings, Verb } from "../../lib/cli/invocation.ts";
import { assert } from "../assert.ts";

export function invocationOf(
  args: readonly string[],
  variables: Record<string, string> = {},
): Invocation {
  const parsed = parse(args, (name) => variables[name]);
  assert.equal(parsed.kind, "invocation", JSON.stringify(parsed));
  assert.ok(parsed.kind === "invocation");
  return parsed.invocation;
}

export function verbOf(...args: string[]): Verb {
  return invocationOf(args).verb;
}

export function settingsOf(
  args: readonly string[],
  variables: Record<string, string> = {},
): Settings {
  return invocationOf(args, variables).settings;
}

export function usageErrorOf(
  line: string | readonly string[],
  variables: Record<string, string> = {},
): string {
  const parsed = parse(
    typeof line === "string" ? line.split(" ") : line,
    (name) => variables[name],
  );
  assert.equal(parsed.kind, "usage_error", JSON.stringify(parsed));
  return parsed.kind === "usage_error" ? parsed.message : "";
}

export function textOf(...args: string[]): string {
  const parsed = parse(args, () => undefined);
  assert.equal(parsed.kind, "text", JSON.stringify(parsed));
  return parsed.kind === "text" ? parsed.text : "";
}

/** The new job of a line that says nothing but its command. */
export function newJob(name: string, ...args: string[]): NewJob {
  return {
    command: { name, args, env: {}, workingDirectory: "" },
    labels: {},
    requestId: "",
  };
}
