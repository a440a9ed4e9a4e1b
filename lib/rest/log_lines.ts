import type { LogBatch } from "../job/types.ts";
import { recordJson } from "../job/job_json.ts";
import type * as z from "../text/zod.ts";
import type * as schemas from "./schemas.ts";

/** A line of a log: a record, or the gap before the records of its batch. */
export type LogLine = z.input<typeof schemas.logRecord> | z.input<typeof schemas.logGap>;

/** The lines of a batch, each with the offset to continue from after it. */
export function* logLines({ records, gap }: LogBatch): Generator<[LogLine, number]> {
  if (gap !== undefined) yield [{ gap: { ...gap } }, gap.to];
  for (const record of records) {
    yield [recordJson(record), record.offset + record.data.byteLength];
  }
}
