/// <reference lib="deno.worker" />
/**
 * The thread of a `StandardOutputThread`: it blocks for as long as the reader takes.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { bothOutputs } from "./both_outputs.ts";
import type { Written } from "./standard_output_thread.ts";

const { stdout } = bothOutputs();

self.onmessage = ({ data }: MessageEvent<Uint8Array>) => self.postMessage(write(data));

function write(bytes: Uint8Array): Written {
  try {
    return { taken: stdout.writeSomeSync(bytes), fault: null, isBrokenPipe: false };
  } catch (error) {
    const isBrokenPipe = error instanceof Deno.errors.BrokenPipe;
    return { taken: 0, fault: messageOf(error), isBrokenPipe };
  }
}
