/**
 * The three forms in which the records of a log are printed.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { recordJson } from "../job/job_json.ts";
import { dateText } from "../job/job_words.ts";
import type { LogRecord } from "./job_client.ts";
import { jsonLine } from "../text/printable.ts";

/** Turns each record of one log, in order, into the bytes to print. */
export type LogForm = (record: LogRecord) => Uint8Array;

const NEWLINE = 0x0a;
const encoder = new TextEncoder();

/** Prints the job's own bytes. */
export function rawForm(): LogForm {
  return (record) => record.data;
}

/**
 * Prints the job's own bytes, and before each line the time at which its first byte was read. A line may
 * span several records, and records of the two streams may alternate.
 */
export function timestampedForm(): LogForm {
  const atLineStart: Record<LogRecord["stream"], boolean> = {
    stdout: true,
    stderr: true,
    unknown: true,
  };
  return ({ stream, time, data }) => {
    const stamp = encoder.encode(`${dateText(time)} `);
    const parts: Uint8Array[] = [];
    for (let start = 0; start < data.length;) {
      const newline = data.indexOf(NEWLINE, start);
      const end = newline < 0 ? data.length : newline + 1;
      if (atLineStart[stream]) parts.push(stamp);
      parts.push(data.subarray(start, end));
      atLineStart[stream] = newline >= 0;
      start = end;
    }
    return Buffer.concat(parts);
  };
}

/**
 * Prints a line of JSON per record: the bytes in base64, and also as text if they are valid UTF-8.
 */
export function jsonForm(): LogForm {
  return (record) => encoder.encode(`${jsonLine(recordJson(record))}\n`);
}
