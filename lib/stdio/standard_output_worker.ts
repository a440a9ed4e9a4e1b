/// <reference lib="deno.worker" />
/**
 * The thread of a `StandardOutputThread`: it waits for whoever reads as long as that takes.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { StandardOutput } from "./standard_output.ts";

/** What became of a write. */
export interface Written {
  readonly taken: number;
  /** Why it failed, or `null`. */
  readonly fault: string | null;
  readonly isBrokenPipe: boolean;
}

const { stdout } = StandardOutput.both();

self.onmessage = ({ data }: MessageEvent<Uint8Array>) => self.postMessage(write(data));

function write(bytes: Uint8Array): Written {
  try {
    return { taken: stdout.writeSomeSync(bytes), fault: null, isBrokenPipe: false };
  } catch (error) {
    const isBrokenPipe = error instanceof Deno.errors.BrokenPipe;
    return { taken: 0, fault: messageOf(error), isBrokenPipe };
  }
}
