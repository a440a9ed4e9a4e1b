import { assert } from "./assert.ts";

/** What a process is allowed, asked from inside. */
export interface ProbeOptions {
  /** `deno` with the arguments that come before a script. */
  readonly line: readonly string[];
  /** Where the script is put, and the process runs. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Evaluates each expression in a process of its own.
 *
 * @returns for each of them `"allowed"`, `"refused"`, `"hidden"` for `null`, or the error
 */
export async function probed(
  expressions: readonly string[],
  { line, directory, env }: ProbeOptions,
): Promise<string[]> {
  const script = `${directory}/probe.ts`;
  const attempts = expressions.map((expression) => `async () => (${expression})`);
  await Deno.writeTextFile(
    script,
    `import process from "node:process";
     const outcomes: string[] = [];
     for (const attempt of [${attempts.join(",\n")}]) {
       try {
         outcomes.push(await attempt() === null ? "hidden" : "allowed");
       } catch (error) {
         const refused = error instanceof Deno.errors.NotCapable ||
           /Requires \\w+ access|--(cached-only|no-remote) is specified/.test(String(error));
         outcomes.push(refused ? "refused" : String(error));
       }
     }
     Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(outcomes)));
     Deno.exit(0);`,
  );
  const [deno = "", ...args] = line;
  const { code, stdout, stderr } = await new Deno.Command(deno, {
    args: [...args, "--no-check", script],
    cwd: directory,
    env: { ...env },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** What comes of a probe. */
export const REFUSED = "refused";
export const ALLOWED = "allowed";

/** Probes of what most processes may not do. */
export const PROBES = {
  read: (path: string) => `Deno.readTextFile(${JSON.stringify(path)})`,
  write: (path: string) => `Deno.writeTextFile(${JSON.stringify(path)}, "").then(() => 1)`,
  connect: (options: Record<string, unknown>) =>
    `Deno.connect(${JSON.stringify(options)}).then((connection) => (connection.close(), 1))`,
  listen: (options: Record<string, unknown>) =>
    `(Deno.listen(${JSON.stringify(options)}).close(), 1)`,
};

/** Checks what comes of each expression in a process that has the rights of a role, by the command that starts it. */
export async function assertRights(
  command: readonly string[],
  probes: readonly (readonly [expression: string, expected: string])[],
  directory: string,
): Promise<void> {
  const outcomes = await probed(probes.map(([expression]) => expression), {
    line: [...command.slice(0, -2), "--no-config"],
    directory,
    env: { SECRET: "secret" },
  });
  assert.deepEqual(
    outcomes.map((outcome, index) => [probes[index]?.[0], outcome]),
    probes.map(([expression, expected]) => [expression, expected]),
  );
}
