/**
 * Where a run of the tests leaves what it leaves: a temporary directory and, where we may make one, a
 * cgroup, that nobody else on this machine uses. And where it must leave nothing: the directory into
 * which root unpacks executables for everybody.
 *
 * @module
 */

import { UNPACKED_BY_ROOT } from "../var_cache.ts";
import { unmount } from "./processes.ts";

const MOUNTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

export class Place {
  /** `TMPDIR` of the tests. */
  readonly directory: string;
  /** Empty where cgroup v2 is not ours to write: then jobs have no cgroups either. */
  readonly cgroup: string;
  /** What root has unpacked before. */
  #unpacked = new Set<string>();

  constructor(directory: string, cgroup: string) {
    this.directory = directory;
    this.cgroup = cgroup;
  }

  static async create(): Promise<Place> {
    // Short, since the paths of Unix sockets in it may be no longer than 107 bytes.
    const directory = await Deno.makeTempDir({ prefix: "jw-" });
    // As /tmp is: some tests run jobs of another user.
    await Deno.chmod(directory, 0o1777);
    return new Place(directory, await makeCgroup(`job-worker-tests-${Deno.pid}`));
  }

  /** Moves this process, and with it what it will start, into the cgroup. */
  async enter(): Promise<void> {
    this.#unpacked = new Set(await namesIn(UNPACKED_BY_ROOT));
    if (this.cgroup !== "") await Deno.writeTextFile(`${this.cgroup}/cgroup.procs`, `${Deno.pid}`);
  }

  /** Describes what there is in it. */
  async contents(): Promise<string[]> {
    const cgroups = this.cgroup === "" ? [] : await namesIn(`${this.cgroup}/job-worker`, "d");
    const unpacked = (await namesIn(UNPACKED_BY_ROOT)).filter((name) => !this.#unpacked.has(name));
    return [
      ...cgroups.map((name) => `cgroup ${this.cgroup}/job-worker/${name}`),
      ...(await namesIn(this.directory)).map((name) => `file ${this.directory}/${name}`),
      ...unpacked.map((name) => `file ${UNPACKED_BY_ROOT}/${name}`),
    ];
  }

  /** Removes it. No process may be left in it but this one. */
  async remove(): Promise<void> {
    // Tests that were killed may have left a small disk behind.
    for (const line of (await Deno.readTextFile("/proc/self/mounts")).split("\n").reverse()) {
      const [, path = ""] = line.split(" ");
      if (path.startsWith(`${this.directory}/`)) unmount(path);
    }
    await Deno.remove(this.directory, { recursive: true }).catch(ignoreMissing);
    if (this.cgroup === "") return;
    const parent = this.cgroup.slice(0, this.cgroup.lastIndexOf("/"));
    // Not allowed everywhere, and needed only if we are in it.
    await Deno.writeTextFile(`${parent}/cgroup.procs`, `${Deno.pid}`).catch(() => {});
    await removeCgroup(this.cgroup);
  }
}

async function makeCgroup(name: string): Promise<string> {
  const [own] = /(?<=^0::).*/m.exec(await Deno.readTextFile("/proc/self/cgroup")) ?? [];
  if (own === undefined) return "";
  for (const mount of MOUNTS) {
    // The daemon has put those that were in a cgroup with it there.
    const parent = `${mount}${own.replace(/\/(daemon)?$/, "")}`;
    const path = `${parent}/${name}`;
    try {
      await Deno.stat(`${mount}/cgroup.controllers`);
      await Deno.mkdir(path);
    } catch {
      continue;
    }
    for (const controller of ["memory", "cpu", "pids"]) {
      // A controller that is not there has its tests skipped, with or without a cgroup of ours.
      await Deno.writeTextFile(`${parent}/cgroup.subtree_control`, `+${controller}`).catch(
        () => {},
      );
    }
    return path;
  }
  return "";
}

/** Removes a cgroup and those in it, the deepest first. */
async function removeCgroup(path: string): Promise<void> {
  for (const name of await namesIn(path, "d")) await removeCgroup(`${path}/${name}`);
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      return await Deno.remove(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      // Those that were killed take a moment to go.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function namesIn(path: string, kind: "d" | "all" = "all"): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      if (kind === "all" || isDirectory) names.push(name);
    }
  } catch (error) {
    ignoreMissing(error);
  }
  return names;
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
