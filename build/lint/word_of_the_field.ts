/** "Service manager" is what systemd calls itself. */
const EMPTY = /(?<!Service)Manager$|(Helper|Utils?|Impl)$/;

const BOUND = /^(MOST|LONGEST|LARGEST|SMALLEST)_/;

/** Names say what a thing does, in the words that others use for it. */
export const wordOfTheField: Deno.lint.Rule = {
  create(context) {
    const check = (node: Deno.lint.Node | null) => {
      if (node?.type !== "Identifier") return;
      const { name } = node;
      const [empty] = EMPTY.exec(name) ?? [];
      if (empty !== undefined) {
        context.report({
          node,
          message: `"${empty}" says nothing: name ${name} after what it does`,
        });
      }
      const [bound = "", word] = BOUND.exec(name) ?? [];
      if (word !== undefined) {
        const right = word === "SMALLEST" ? "MIN_" : "MAX_";
        context.report({ node, message: `Write ${right}${name.slice(bound.length)} for ${name}` });
      }
    };
    return {
      ClassDeclaration: ({ id }) => check(id),
      FunctionDeclaration: ({ id }) => check(id),
      PropertyDefinition: ({ key }) => check(key),
      TSInterfaceDeclaration: ({ id }) => check(id),
      TSTypeAliasDeclaration: ({ id }) => check(id),
      VariableDeclarator: ({ id }) => check(id),
    };
  },
};
