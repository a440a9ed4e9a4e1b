/**
 * A thread of its own for somebody who asks for their job, again and again, and takes the time: in the thread of
 * the test, it would also wait for what the test itself does.
 *
 * @module
 */

import type { ClientMaterial } from "../../../lib/grpc/endpoint.ts";
import { connect } from "../../../lib/grpc/client.ts";

/** What the thread is told: whom to ask, then whenever the times so far are wanted, then to stop. */
export type ToNeighbour =
  | {
    readonly kind: "ask";
    readonly address: string;
    readonly material: ClientMaterial;
    readonly jobId: string;
  }
  | { readonly kind: "tell" }
  | { readonly kind: "stop" };

/** How long each call took since they were last told, in milliseconds; and that it has stopped. */
export type FromNeighbour = { readonly times: readonly number[] } | { readonly stopped: true };

/** Between two calls, in milliseconds. */
const PAUSE_MS = 20;

declare const self: {
  onmessage: (event: MessageEvent<ToNeighbour>) => void;
  postMessage(message: FromNeighbour): void;
};

let times: number[] = [];
let isStopped = false;

self.onmessage = ({ data }) => {
  switch (data.kind) {
    case "ask":
      // What goes wrong is an error of the thread, and so of the test.
      queueMicrotask(async () => await ask(data));
      break;
    case "tell":
      self.postMessage({ times });
      times = [];
      break;
    case "stop":
      isStopped = true;
  }
};

async function ask(
  { address, material, jobId }: Extract<ToNeighbour, { kind: "ask" }>,
): Promise<void> {
  {
    await using client = await connect({ address, ...material });
    while (!isStopped) {
      const before = performance.now();
      await client.getJob({ jobId });
      times.push(performance.now() - before);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
  self.postMessage({ stopped: true });
}
