/**
 * A program that prints what `worker-cli` is told of signals, until it is told to leave at once.
 *
 * @module
 */

import { systemIo } from "../../lib/cli/system_io.ts";
import { messageOf } from "../../lib/errors.ts";

const { stdout, interrupted, interruptedAgain } = systemIo();
const print = (line: string) => stdout.write(new TextEncoder().encode(`${line}\n`));
const left = Promise.withResolvers<void>();
interrupted.addEventListener("abort", () => void print(`First: ${messageOf(interrupted.reason)}`));
interruptedAgain.addEventListener("abort", () => {
  left.resolve(print(`Second: ${messageOf(interruptedAgain.reason)}`));
});
await print("Ready");
// Signals alone keep no process alive.
const alive = setInterval(() => {}, 1_000);
await left.promise;
clearInterval(alive);
