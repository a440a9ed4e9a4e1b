/** A fenced block of a Markdown file. */
export interface Block {
  /** Path from the top of the repository. */
  readonly file: string;
  /** The number of its first line inside the fence. */
  readonly at: number;
  /** The words behind the fence: `sh`, `ts ignore`. */
  readonly language: string;
  readonly lines: readonly string[];
}

/** A command of a block, and what it is shown to print. */
export interface Example {
  /** `README.md:42`. */
  readonly where: string;
  readonly command: string;
  /** `null` in a block that shows commands only. */
  readonly output: readonly string[] | null;
}

/** Reads the fenced blocks of a text. */
export function blocksOf(file: string, text: string): Block[] {
  const blocks: Block[] = [];
  let open: { at: number; language: string; lines: string[] } | null = null;
  for (const [index, line] of text.split("\n").entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) open?.lines.push(line);
    else if (open === null) open = { at: index + 2, language: fence[1] ?? "", lines: [] };
    else {
      blocks.push({ file, ...open });
      open = null;
    }
  }
  return blocks;
}

/**
 * The commands of a block: its lines, or those after `$ ` in one of `console`, or what cron would run of those of a
 * crontab; or what runs a block of TypeScript that `deno test --doc` does not run, since it needs a daemon.
 */
export function examplesOf({ file, at, language, lines }: Block): Example[] {
  if (language === "ts ignore") {
    const program = `example_${at}.ts`;
    const command = [
      `sed "s/localhost:8080/$WORKER_ADDRESS/" >${program} <<'END'`,
      ...lines,
      "END",
      `deno run --quiet --check --allow-all ${program}`,
    ].join("\n");
    return [{ where: `${file}:${at}`, command, output: null }];
  }
  if (language === "crontab") {
    return lines.map((line, index) => {
      // crontab(5): five fields of time, and a command in which `%` alone would end it.
      const command = line.replace(/^(\S+\s+){5}/, "").replaceAll("\\%", "%");
      return { where: `${file}:${at + index}`, command, output: null };
    });
  }
  if (language !== "sh" && language !== "console") return [];
  const examples: { where: string; command: string; output: string[] | null }[] = [];
  let continued = false;
  for (const [index, line] of lines.entries()) {
    const last = examples.at(-1);
    const isCommand = language === "sh" || line.startsWith("$ ");
    if (continued && last) last.command += `\n${line}`;
    else if (!isCommand) last?.output?.push(line);
    else if (!/^\s*(#|$)/.test(line)) {
      examples.push({
        where: `${file}:${at + index}`,
        command: language === "sh" ? line : line.slice(2),
        output: language === "sh" ? null : [],
      });
    } else continue;
    continued = line.endsWith("\\") && (continued || isCommand);
  }
  return examples;
}
