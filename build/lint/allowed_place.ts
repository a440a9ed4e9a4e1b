/** Something that the product uses in some of its places only. */
export interface Restricted {
  /** A name of Deno's, or a package, with all that is below it. */
  readonly what: string;
  /** Folders, with a final slash, and files. */
  readonly places: readonly string[];
}

export const RESTRICTED: readonly Restricted[] = [
  { what: "Deno.Command", places: ["lib/process/", "lib/daemon/", "lib/cli/kept/start_keeper.ts"] },
  { what: "@grpc", places: ["lib/grpc/"] },
  { what: "@nats-io", places: ["lib/fleet/"] },
  { what: "get-east-asian-width", places: ["lib/std/"] },
  { what: "hono", places: ["lib/rest/"] },
  { what: "node:sqlite", places: ["lib/store/", "lib/fleet/"] },
  { what: "postgres", places: ["lib/fleet/"] },
  { what: "commander", places: ["lib/cli/parser.ts"] },
  { what: "zod", places: ["lib/text/zod.ts"] },
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
    const check = (node: Deno.lint.Node, name: string) => {
      for (const { what, places } of RESTRICTED) {
        if (!isPartOf(name, what) || isIn(path, places)) continue;
        context.report({
          node,
          message: `${name} may be used in ${places.join(" and ")} only`,
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

/** Whether a name is this one, or a specifier names this package: `npm:hono@4`, `hono/tiny`. */
function isPartOf(name: string, what: string): boolean {
  const specifier = name.replace(/^npm:/, "");
  return specifier === what || specifier.startsWith(`${what}/`) || specifier.startsWith(`${what}@`);
}

function isIn(path: string, places: readonly string[]): boolean {
  return places.some((place) => path.startsWith(place));
}

/** The path that a file has from the top of the repository. */
function pathInRepository(filename: string): string {
  const top = import.meta.dirname?.replace(/build\/lint$/, "") ?? "";
  return filename.startsWith(top) ? filename.slice(top.length) : filename;
}
