import { ProcShell } from "../lib/process/proc_shell.ts";
import { findTools } from "../lib/process/tools.ts";

/** What comes before the program of a job, and what is to be done once it has ended. */
export interface EnteredPlace {
  readonly words: readonly string[];
  leave(): Promise<void>;
}

const NOBODY = "65534";

/** Enters a cgroup, if there is one. */
const ENTER = '[ -z "$0" ] || echo 0 >"$0"';

/** A program may have to open its pipes anew, by /dev/stdout, which only their owner may. */
const GIVE_PIPES = `chown ${NOBODY}:${NOBODY} /proc/self/fd/1 /proc/self/fd/2`;

/** What a client chose, such as the directory, is nothing for a process with more rights than the job's. */
const AS_NOBODY = [
  ...["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"],
  ...["sh", "-c", 'cd "$0" && exec "$@"', "/"],
];

/** As whom the jobs of a bare server run, and whether each has a cgroup, which nothing that it starts can leave. */
export class BarePlace {
  readonly #root: string;
  readonly #asNobody: boolean;

  private constructor(root: string, asNobody: boolean) {
    this.#root = root;
    this.#asNobody = asNobody;
  }

  static async open(
    { asNobody, cgroups }: { readonly asNobody: boolean; readonly cgroups: boolean },
  ): Promise<BarePlace> {
    if (!cgroups) return new BarePlace("", asNobody);
    await using shell = new ProcShell(await findTools());
    const [root = ""] = (await shell.ask("cgroup_root")).split(" ");
    return new BarePlace(root, asNobody);
  }

  async enter(): Promise<EnteredPlace> {
    const nothing = { words: this.#words(""), leave: () => Promise.resolve() };
    if (this.#root === "") return nothing;
    const cgroup = `${this.#root}/bare-${crypto.randomUUID()}`;
    await Deno.mkdir(cgroup);
    return { words: this.#words(`${cgroup}/cgroup.procs`), leave: () => leave(cgroup) };
  }

  #words(procs: string): string[] {
    if (procs === "" && !this.#asNobody) return [];
    const steps = [ENTER, ...this.#asNobody ? [GIVE_PIPES] : [], 'exec "$@"'];
    return ["sh", "-c", steps.join("; "), procs, ...this.#asNobody ? AS_NOBODY : []];
  }
}

/** Waits until a cgroup is empty, reads what was used in it, and removes it. */
async function leave(cgroup: string): Promise<void> {
  while (/^populated 1$/m.test(await Deno.readTextFile(`${cgroup}/cgroup.events`)));
  await Deno.readTextFile(`${cgroup}/cpu.stat`);
  await Deno.remove(cgroup);
}
