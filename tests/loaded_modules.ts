import { fileURLToPath } from "node:url";
import { ROOT } from "./programs.ts";

/** A module of ours. */
export interface LoadedModule {
  /** From the top of the repository. */
  readonly path: string;
  /** What it imports of ours, at once or later. */
  readonly imports: readonly string[];
}

/**
 * The modules of ours that are loaded with one of them, not later, and not for their types.
 *
 * @param entry from the top of the repository
 */
export async function loadedModules(entry: string): Promise<LoadedModule[]> {
  const args = ["info", "--json", ROOT + entry];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  const { modules }: { modules: InfoModule[] } = JSON.parse(new TextDecoder().decode(stdout));
  const found = new Map<string, LoadedModule>();
  const paths = new Set([ROOT + entry]);
  for (const path of paths) {
    const { dependencies = [] } = modules.find(({ local }) => local === path) ?? {};
    const imports: string[] = [];
    for (const { code, isDynamic = false } of dependencies) {
      if (!code?.specifier?.startsWith(`file://${ROOT}`)) continue;
      const imported = fileURLToPath(code.specifier);
      imports.push(imported.slice(ROOT.length));
      if (!isDynamic) paths.add(imported);
    }
    found.set(path, { path: path.slice(ROOT.length), imports });
  }
  return [...found.values()];
}

/** What `deno info --json` says of a module. */
interface InfoModule {
  readonly local?: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier?: string };
    readonly isDynamic?: boolean;
  }[];
}
