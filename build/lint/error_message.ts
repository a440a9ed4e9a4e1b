/** Which argument is the message, where it is not the first one. */
const POSITIONS: Readonly<Record<string, number>> = {
  AggregateError: 1,
  HttpError: 2,
  JobWorkerError: 1,
};

/** Stands for what is known only at run time. */
const UNKNOWN = "\0";

const CONTRACTION = /n't\b|\b(I|you|we|they|he|she|it|that|there|what|who)'(d|ll|m|re|s|ve)\b/i;

/**
 * The messages of errors read alike: a capital first, no final period, no contraction. A plain `Error` may
 * begin in lower case: it is for code that catches it and says what failed, as in "--port must be 1 to 9".
 */
export const errorMessage: Deno.lint.Rule = {
  create(context) {
    return {
      NewExpression({ callee, arguments: args }) {
        const name = context.sourceCode.getText(callee);
        const message = args[POSITIONS[name] ?? 0];
        if (!/(Error$|^Deno\.errors\.|^DOMException$)/.test(name) || message === undefined) return;
        for (const text of textsOf(message)) {
          for (const fault of faults(text, name)) {
            context.report({ node: message, message: `The message of an error ${fault}` });
          }
        }
      },
    };
  },
};

function* faults(text: string, name: string): Generator<string> {
  if (name !== "Error" && /^\p{Ll}/u.test(text)) yield "begins with a capital: write one";
  if (text.endsWith(".")) yield "has no final period: leave it out";
  const [contraction] = CONTRACTION.exec(text) ?? [];
  if (contraction !== undefined) yield `has no contraction: write "${contraction}" in full`;
}

/** The texts that an expression can be, as far as they are written there. */
function textsOf(node: Deno.lint.Node): string[] {
  switch (node.type) {
    case "Literal":
      return [String(node.value)];
    case "TemplateLiteral":
      return [node.quasis.map(({ cooked }) => cooked).join(UNKNOWN)];
    case "ConditionalExpression":
      return [...textsOf(node.consequent), ...textsOf(node.alternate)];
    case "LogicalExpression":
      return [...textsOf(node.left), ...textsOf(node.right)];
    case "BinaryExpression":
      return textsOf(node.left).flatMap((left) => textsOf(node.right).map((right) => left + right));
    default:
      return [UNKNOWN];
  }
}
