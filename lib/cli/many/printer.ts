import type { RunEvent } from "../job_client.ts";
import type { Output } from "../io.ts";
import type { Target } from "./targets.ts";

/** Prints what comes of a command at many hosts. */
export interface Printer {
  /** Something has happened at a target, which is as it is after that. */
  event(target: Target, event: RunEvent): Promise<void>;
  /** Nothing more comes of any. */
  end(): Promise<void>;
}

/** The two outputs, in which nothing else is written at the same time. */
export interface Outputs {
  readonly stdout: Pick<Output, "write" | "isTerminal">;
  readonly stderr: Pick<Output, "write" | "isTerminal">;
}

/** What is said of output that was dropped to keep a log within its limit. */
export function gapText(host: string, { from, to }: { from: number; to: number }): string {
  return `worker-cli: ${host}: ${to - from} bytes of output, from byte ${from} up to byte ${to}, ` +
    "are missing: they were dropped to keep the log within its limit\n";
}
