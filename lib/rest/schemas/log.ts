/**
 * The output of a job.
 *
 * @module
 */

import * as z from "../../text/zod.ts";
import * as fields from "../../service/fields.ts";
import { LOG_STREAMS } from "../../job/types.ts";
import { job } from "./job.ts";
import { bytes, dateTime, flag, named, oneOf, stream } from "./pieces.ts";
import { problem } from "./problem.ts";

export const logQuery = z.strictObject({
  stream,
  follow: flag.default("0").meta({
    description: "Keep sending output until the job ends.",
  }),
  offset: fields.position.optional().meta({ description: "Skip this many bytes of output." }),
  tail: fields.tailLines.optional().meta({ description: "Start this many lines before the end." }),
  since: dateTime.optional().meta({ description: "Start at this time." }),
  end: fields.position.optional().meta({
    description:
      "End after this many bytes of output, counted from the first: the Log-End of an earlier " +
      "answer. Without it, and without follow, the log ends with what is stored when it is asked for. " +
      "It cannot be combined with follow, nor be less than offset.",
  }),
});

export const logRecord = z.object({
  offset: bytes.meta({
    description: "How many bytes of output, of both streams together, came before this record.",
  }),
  time: dateTime.meta({
    description: "When the daemon read it, but no later than the end of the job.",
  }),
  stream: oneOf(LOG_STREAMS),
  data: z.base64(),
  text: z.string().exactOptional().meta({ description: "The same as text, if it is valid UTF-8." }),
}).register(named, { id: "LogRecord" });

export const logGap = z.object({
  gap: z.object({ from: bytes, to: bytes }).meta({
    description: "Bytes of output that were dropped to keep the log within its limit.",
  }),
}).register(named, { id: "LogGap" });

export const logEnd = z.object({ finishedJob: job }).register(named, { id: "LogEnd" });

export const logProblem = z.object({ error: problem }).register(named, { id: "LogProblem" });
