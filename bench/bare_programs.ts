import { deno } from "../build/bundle.ts";
import { ROOT } from "../tests/programs.ts";

/** Programs that show the limit of something. */
export const BARE = ["bare_client", "bare_pipe", "bare_server"] as const;

export type Bare = typeof BARE[number];

/** How a bare server works, see `bare_server.ts`. */
export type BareWay =
  | "remember"
  | "record"
  | "apart"
  | `careful${"" | "_user"}${"" | "_cgroup"}`;

/** Puts each of them into one file of a directory, as the code in an executable is. */
export async function bundleBare(directory: string): Promise<void> {
  for (const name of BARE) {
    const output = bundleOf(name, directory);
    await deno("bundle", "--quiet", "--frozen", `--output=${output}`, `${ROOT}bench/${name}.ts`);
  }
}

/** The command line of one of them, without its arguments. */
export function bareLine(name: Bare, directory: string): string[] {
  return [Deno.execPath(), "run", "--no-config", "--allow-all", bundleOf(name, directory)];
}

function bundleOf(name: Bare, directory: string): string {
  return `${directory}/${name}.js`;
}
