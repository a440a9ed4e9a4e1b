/** What the product uses in some of its folders or files only. */
const PLACES: readonly (readonly [what: RegExp, places: readonly string[]])[] = [
  [/^Deno\.Command$/, ["lib/process/", "lib/daemon/"]],
  [/^(npm:)?@grpc\//, ["lib/grpc/"]],
  [/^(npm:)?hono\b/, ["lib/rest/", "lib/engine/"]],
  [/^node:sqlite$/, ["lib/store/"]],
  [/^(npm:)?commander\b/, ["lib/cli/grammar.ts"]],
  [/^(npm:)?zod\b/, ["lib/text/zod.ts"]],
];

/** Tests and tools may use everything. */
const PRODUCT = ["lib/", "server.ts", "cli.ts"];

/**
 * Packages and system calls are used in the folder that is there for them. Imports are found by their
 * specifier, whatever their form: `import`, `export … from`, `import()` or `import type`.
 */
export const allowedPlace: Deno.lint.Rule = {
  create(context) {
    const path = pathInRepository(context.filename);
    if (!isIn(path, PRODUCT)) return {};
    const check = (node: Deno.lint.Node, what: string) => {
      for (const [pattern, places] of PLACES) {
        if (!pattern.test(what) || isIn(path, places)) continue;
        context.report({
          node,
          message: `${what} may be used in ${places.join(" and ")} only`,
          hint: "Call what is exported there, or add to it what is missing",
        });
      }
    };
    return {
      Literal(node) {
        if (typeof node.value === "string") check(node, node.value);
      },
      MemberExpression: (node) => check(node, context.sourceCode.getText(node)),
      TSQualifiedName: (node) => check(node, context.sourceCode.getText(node)),
    };
  },
};

function isIn(path: string, places: readonly string[]): boolean {
  return places.some((place) => path.startsWith(place));
}

/** The path that a file has from the top of the repository. */
function pathInRepository(filename: string): string {
  const top = import.meta.dirname?.replace(/build\/lint$/, "") ?? "";
  return filename.startsWith(top) ? filename.slice(top.length) : filename;
}
