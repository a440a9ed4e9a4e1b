import { resolve } from "node:path";
import { invalidArgument, JobWorkerError } from "../../errors.ts";
import type { ContextVerb, Settings } from "../invocation.ts";
import { type Io, printLine, tell } from "../io.ts";
import { jsonLine, printable } from "../../text/printable.ts";
import { table } from "../table.ts";
import { contextNamed, type Contexts, type ContextValues } from "../user_directory.ts";

/** Adds, selects, lists or removes contexts: daemons by name, with the certificates to use. */
export async function context(
  { io, settings }: { io: Io; settings: Settings },
  verb: ContextVerb,
): Promise<number> {
  const { current, contexts } = io.directory.contexts();
  if (verb.action === "list") return await list({ io, settings }, { current, contexts });
  const { name } = verb;
  checkName(name);
  switch (verb.action) {
    case "add": {
      if (Object.hasOwn(contexts, name)) {
        throw new JobWorkerError(
          "already_exists",
          `There already is a context "${name}": choose another name, or remove it first`,
        );
      }
      const added = { ...contexts, [name]: absolute(verb.values) };
      await io.directory.saveContexts({ current: current ?? name, contexts: added });
      await tell(
        io,
        current === null
          ? "Added, and now in use"
          : `Added; to use it: worker-cli context use ${name}`,
      );
      return 0;
    }
    case "use":
      contextNamed({ current, contexts }, name);
      await io.directory.saveContexts({ current: name, contexts });
      return 0;
    case "remove": {
      contextNamed({ current, contexts }, name);
      const { [name]: _, ...left } = contexts;
      const next = current === name ? null : current;
      await io.directory.saveContexts({ current: next, contexts: left });
      return 0;
    }
  }
}

async function list(
  { io, settings }: { io: Io; settings: Settings },
  { current, contexts }: Contexts,
): Promise<number> {
  const rows = Object.entries(contexts);
  if (rows.length === 0) await tell(io, "No contexts");
  const lines = settings.json
    ? rows.map(([name, values]) => jsonLine({ name, current: name === current, ...values }))
    : await table(
      rows.map(([name, values]) => [
        name === current ? "*" : " ",
        printable(name),
        printable(values.address ?? values["rest-address"] ?? "-"),
        printable(values.cert ?? "-"),
      ]),
      { columns: Infinity },
    );
  if (lines.length > 0) await printLine(io.stdout, lines.join("\n"));
  return 0;
}

/** Makes paths absolute, because a context may be used in any directory. */
function absolute(values: ContextValues): ContextValues {
  const { cert, key, ca } = values;
  return {
    ...values,
    ...cert !== undefined && { cert: resolve(cert) },
    ...key !== undefined && { key: resolve(key) },
    ...ca !== undefined && { ca: resolve(ca) },
  };
}

function checkName(name: string): void {
  if (/^[\w.@-]{1,64}$/.test(name) && name !== "__proto__") return;
  throw invalidArgument(
    `Cannot name a context ${JSON.stringify(name)}: use 1 to 64 letters, digits and . _ - @`,
  );
}
