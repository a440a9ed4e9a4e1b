/** A comment is a sentence or a noun with its article, no fragment such as "Of a job that runs". */
export const commentFragment: Deno.lint.Rule = {
  create(context) {
    return {
      Program() {
        for (const { value, range } of context.sourceCode.getAllComments()) {
          if (!/^[\s*]*Of\s/.test(value)) continue;
          context.report({
            range,
            message: 'A comment does not begin with "Of"',
            hint: 'Name the thing first: "The time limit of a job", not "Of a job"',
          });
        }
      },
    };
  },
};
