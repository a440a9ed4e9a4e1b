import { Cgroups } from "../../lib/process/cgroups.ts";
import { ProcShell } from "../../lib/process/proc_shell.ts";
import { assert } from "../assert.ts";

/**
 * The kernel of this machine, with cgroups that are plain files in a directory: what is written to
 * them and read from them can be seen on machines without the controllers.
 */
export class PlainFiles extends ProcShell {
  /** What it was asked, the verbs. */
  readonly asked: string[] = [];
  readonly #root: string;

  constructor(root: string) {
    super({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
    this.#root = root;
  }

  override ask(request: string): Promise<string> {
    this.asked.push(request.replace(/ .*/s, ""));
    return request === "cgroup_root" ? Promise.resolve(this.#root) : super.ask(request);
  }
}

/** Cgroups of a directory that has these controllers. */
export async function cgroupsIn(
  path: string,
  ...controllers: readonly string[]
): Promise<AsyncDisposable & { readonly cgroups: Cgroups; readonly asked: readonly string[] }> {
  const shell = new PlainFiles([path, ...controllers].join(" "));
  const cgroups = await Cgroups.find(shell);
  assert.ok(cgroups);
  const { asked } = shell;
  return { cgroups, asked, [Symbol.asyncDispose]: () => shell[Symbol.asyncDispose]() };
}
