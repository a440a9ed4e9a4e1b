/**
 * Jobs that go on printing, and those who follow them while the network side falls over.
 *
 * @module
 */

import type { JobWorkerClient } from "../../lib/grpc/client.ts";
import { assert } from "../assert.ts";
import { bytesOf, textOf, until } from "../worker/fixture.ts";

/** What a {@linkcode PrintingJobs} job exits with. */
const EXIT_CODE = 7;

/** Jobs that count, a line each tenth of a second, until they are told to end. */
export class PrintingJobs {
  readonly ids: readonly string[];
  readonly #client: JobWorkerClient;
  readonly #end: string;

  private constructor(ids: readonly string[], client: JobWorkerClient, end: string) {
    this.ids = ids;
    this.#client = client;
    this.#end = end;
  }

  static async start(
    daemon: { readonly directory: string },
    client: JobWorkerClient,
    count: number,
  ): Promise<PrintingJobs> {
    const end = `${daemon.directory}/end-${crypto.randomUUID()}`;
    const script = 'n=0; until [ -e "$1" ]; do echo $n; n=$((n+1)); sleep 0.1; done; exit "$2"';
    const args = ["-c", script, "sh", end, String(EXIT_CODE)];
    const command = { name: "sh", args, env: {}, workingDirectory: "" };
    const jobs = await Promise.all(
      Array.from({ length: count }, () => client.startJob({ command, labels: {}, requestId: "" })),
    );
    return new PrintingJobs(jobs.map(({ jobId }) => jobId), client, end);
  }

  /**
   * Lets them end, and checks that none of them has noticed anything.
   *
   * @returns what each of them has printed, as it is stored
   */
  async end(): Promise<ReadonlyMap<string, string>> {
    await Deno.writeTextFile(this.#end, "");
    const stored = new Map<string, string>();
    for (const jobId of this.ids) {
      const { end } = await this.#client.waitJob({ jobId });
      assert.deepEqual(end?.exitStatus, { code: EXIT_CODE });
      const request = { jobId, streams: [], follow: false, start: FIRST_BYTE };
      const batches = await Array.fromAsync(this.#client.streamLogs(request));
      const text = textOf(batches.flatMap(({ records }) => records));
      const count = text.split("\n").length - 1;
      assert.equal(text, Array.from({ length: count }, (_, index) => `${index}\n`).join(""));
      stored.set(jobId, text);
    }
    return stored;
  }
}

const FIRST_BYTE = { kind: "offset", offset: 0 } as const;

/** Follows a job with the client library, from its first byte. */
export class Follower {
  readonly jobId: string;
  /** Resolves to all that it has read, once the job has ended. */
  readonly text: Promise<string>;
  #bytes = 0;

  constructor(client: JobWorkerClient, jobId: string) {
    this.jobId = jobId;
    this.text = this.#follow(client);
    // Whoever waits for it is told; a test that has failed before does not.
    this.text.catch(() => {});
  }

  /** Waits until it has read something new. */
  async advances(): Promise<void> {
    const before = this.#bytes;
    await until(() => Promise.resolve(this.#bytes > before));
  }

  async #follow(client: JobWorkerClient): Promise<string> {
    const request = { jobId: this.jobId, streams: [], follow: true, start: FIRST_BYTE };
    const parts: Uint8Array[] = [];
    for await (const { records } of client.streamLogs(request)) {
      const bytes = bytesOf(records);
      parts.push(bytes);
      this.#bytes += bytes.byteLength;
    }
    return await new Blob(parts.map((part) => new Uint8Array(part))).text();
  }
}
