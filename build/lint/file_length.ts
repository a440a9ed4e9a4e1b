const MAX_LINES = 400;

/** A file that is longer holds more than one idea. */
export const fileLength: Deno.lint.Rule = {
  create(context) {
    return {
      Program() {
        const lines = context.sourceCode.text.split(/(?<=\n)/);
        // What is generated has one idea for each message that it is made from.
        if (lines.length <= MAX_LINES || lines[1]?.startsWith("// Generated ")) return;
        const end = context.sourceCode.text.length;
        context.report({
          range: [end - (lines.at(-1) ?? "").length, end],
          message: `${lines.length} lines in one file, more than ${MAX_LINES}`,
          hint: "Split it by what it is about: a file for each subject or verb",
        });
      },
    };
  },
};
