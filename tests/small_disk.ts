/**
 * A disk that can be full.
 *
 * @module
 */

import { temporaryDirectory } from "./worker/fixture.ts";

/** A file system in memory, of a few mebibytes or less. Needs root, for mount(2). */
export class SmallDisk implements AsyncDisposable {
  readonly path: string;
  readonly #directory: AsyncDisposable;

  private constructor(directory: AsyncDisposable & { readonly path: string }) {
    this.path = directory.path;
    this.#directory = directory;
  }

  static async mount(mebibytes: number): Promise<SmallDisk> {
    const directory = await temporaryDirectory();
    const options = `${sizeOption(mebibytes)},mode=0700`;
    await run("mount", "-t", "tmpfs", "-o", options, "tmpfs", directory.path);
    return new SmallDisk(directory);
  }

  /** Gives it another size. */
  async resize(mebibytes: number): Promise<void> {
    await run("mount", "-o", `remount,${sizeOption(mebibytes)}`, this.path);
  }

  /** Takes all the room that is left. */
  async fill(): Promise<void> {
    using ballast = await Deno.open(this.#ballast, { append: true, create: true });
    for (let size = 64 * 1024; size > 0;) {
      try {
        await ballast.write(new Uint8Array(size));
      } catch {
        size >>= 1;
      }
    }
  }

  /** Gives back what {@linkcode fill} has taken. */
  async free(): Promise<void> {
    await Deno.remove(this.#ballast);
  }

  async remountReadOnly(): Promise<void> {
    await run("mount", "-o", "remount,ro", this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", this.path);
    await this.#directory[Symbol.asyncDispose]();
  }

  get #ballast(): string {
    return `${this.path}/ballast`;
  }
}

/** Why a test that needs a {@linkcode SmallDisk} cannot run here; `""` if it can. */
export const NO_SMALL_DISK: string = await whyNot();

/** In whole pages, as tmpfs(5) counts. */
function sizeOption(mebibytes: number): string {
  return `size=${Math.ceil(mebibytes * 256) * 4}k`;
}

async function whyNot(): Promise<string> {
  try {
    await using _disk = await SmallDisk.mount(1);
    return "";
  } catch (error) {
    return ` (skipped, cannot mount a tmpfs: ${error})`;
  }
}

async function run(program: string, ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}
