import { assert } from "../assert.ts";

/** The two ends of the link, in a network that is nobody's (RFC 5737). */
const OUTSIDE = "198.51.100.1";
const INSIDE = "198.51.100.2";

async function ip(...args: readonly string[]): Promise<boolean> {
  const { success } = await new Deno.Command("ip", { args: [...args], stderr: "null" }).output();
  return success;
}

/** A network namespace behind a link that can be cut: packets then vanish, and nobody is told. */
export class Namespace implements AsyncDisposable {
  readonly name: string;
  /** How it reaches this side. */
  readonly address = OUTSIDE;
  readonly #link: string;

  private constructor(name: string, link: string) {
    this.name = name;
    this.#link = link;
  }

  /** `null` for those who may not make one. */
  static async create(): Promise<Namespace | null> {
    const name = `job-worker-${Deno.pid}`;
    const link = `jw${Deno.pid}`;
    if (Deno.uid() !== 0 || !await ip("netns", "add", name)) return null;
    const namespace = new Namespace(name, link);
    const steps = [
      ["link", "add", link, "type", "veth", "peer", "name", "inside", "netns", name],
      ["address", "add", `${OUTSIDE}/30`, "dev", link],
      ["link", "set", link, "up"],
      ["-netns", name, "address", "add", `${INSIDE}/30`, "dev", "inside"],
      ["-netns", name, "link", "set", "inside", "up"],
    ];
    for (const step of steps) {
      if (await ip(...step)) continue;
      await namespace[Symbol.asyncDispose]();
      return null;
    }
    return namespace;
  }

  async cut(): Promise<void> {
    assert.ok(await ip("link", "set", this.#link, "down"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ip("link", "delete", this.#link);
    await ip("netns", "delete", this.name);
  }
}
