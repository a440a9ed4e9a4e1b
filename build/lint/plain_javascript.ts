/**
 * Where JavaScript has syntax of its own, TypeScript's is not used: `#name` holds at run time too, which
 * `private name` does not, and a union of literals needs no code, which an `enum` does. JavaScript has
 * nothing that stands for a private constructor.
 */
export const plainJavaScript: Deno.lint.Rule = {
  create(context) {
    const check = (node: Member) => {
      const { accessibility, range } = node;
      if (accessibility === undefined) return;
      if (accessibility === "private" && "kind" in node && node.kind === "constructor") return;
      const message = accessibility === "public"
        ? "Members are public without a word: leave `public` out"
        : `\`${accessibility}\` is not kept at run time: write #name`;
      context.report({ range, message });
    };
    return {
      MethodDefinition: check,
      PropertyDefinition: check,
      TSAbstractMethodDefinition: check,
      TSAbstractPropertyDefinition: check,
      TSParameterProperty({ range }) {
        const message = "A parameter is no property: declare #name and assign it";
        context.report({ range, message });
      },
      TSEnumDeclaration({ range }) {
        context.report({ range, message: "An enum makes code: write a union of literals" });
      },
    };
  },
};

type Member =
  | Deno.lint.MethodDefinition
  | Deno.lint.PropertyDefinition
  | Deno.lint.TSAbstractMethodDefinition
  | Deno.lint.TSAbstractPropertyDefinition;
