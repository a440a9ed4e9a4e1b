/**
 * A keeper in this process, on a socket in a directory of its own.
 *
 * @module
 */

import { Keeper } from "../../../lib/cli/kept/keeper.ts";
import { KeptClient } from "../../../lib/cli/kept/kept_client.ts";
import { Line } from "../../../lib/cli/kept/line.ts";
import type { JobClient } from "../../../lib/cli/job_client.ts";
import { assert } from "../../assert.ts";
import { temporaryDirectory } from "../../worker/fixture.ts";
import { clientOf } from "../fake_daemon.ts";

export const HOUR_MS = 3_600_000;

export class TestKeeper implements AsyncDisposable {
  readonly keeper: Keeper;
  readonly path: string;
  /** Settles when it has ended. */
  readonly ended: Promise<void>;
  /** How often a client was told that the connection is being restored. */
  reconnecting = 0;
  readonly #directory: AsyncDisposable;

  private constructor(
    directory: AsyncDisposable & { readonly path: string },
    client: Promise<JobClient>,
    keepMs: number,
  ) {
    this.#directory = directory;
    this.path = `${directory.path}/keeper.sock`;
    const listener = Deno.listen({ transport: "unix", path: this.path });
    this.keeper = new Keeper(listener, keepMs);
    this.ended = this.keeper.serve(client);
  }

  static async start(
    client: Partial<JobClient> | Promise<JobClient>,
    keepMs = HOUR_MS,
  ): Promise<TestKeeper> {
    const connected = client instanceof Promise ? client : Promise.resolve(clientOf(client));
    return new TestKeeper(await temporaryDirectory(), connected, keepMs);
  }

  /** A client that goes through it, and otherwise to `direct`. */
  async client(direct: Partial<JobClient> = {}, keepMs = HOUR_MS): Promise<KeptClient> {
    return new KeptClient(await Line.open(this.path), {
      path: this.path,
      keepMs,
      onReconnecting: () => this.reconnecting++,
      connect: () => Promise.resolve(clientOf(direct)),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.keeper.close();
    await this.ended;
    await this.#directory[Symbol.asyncDispose]();
  }
}

/** What a call fails with. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(() => assert.fail("It succeeded"), (error: unknown) => error);
}
