import house from "../../../build/lint/house.ts";

export type RuleName = keyof typeof house.rules;

/** What one rule of the house says of a source. */
export function findings(rule: RuleName, source: string, path = "lib/worker/a.ts"): string[] {
  const plugin = { name: "house", rules: { [rule]: house.rules[rule] } };
  return Deno.lint.runPlugin(plugin, path, source).map(({ message }) => message);
}
