/**
 * The output of a job by pages, and its input.
 *
 * @module
 */

import type { Alike } from "../../service/alike.ts";
import type { GetLogsResponse, WriteInputResponse } from "../../service/job_service.ts";
import * as z from "../../text/zod.ts";
import * as fields from "../../service/fields.ts";
import { exitStatus } from "./job.ts";
import { bytes, flag, named, stream } from "./pieces.ts";

export const outputQuery = z.strictObject({
  stream,
  offset: fields.position.default(0).meta({ description: "The nextOffset of the page before." }),
  end: fields.position.optional().meta({ description: "The endOffset of the first page." }),
  maxBytes: fields.outputBytes.default(0).meta({
    description: "The most bytes on a page. 0: 1 MiB, which is the most.",
  }),
});

export const outputPage = z.object({
  gap: z.object({ from: bytes, to: bytes }).exactOptional().meta({
    description:
      "The output before this page that is gone for good. A page ends before the next gap.",
  }),
  stdout: z.base64(),
  stderr: z.base64(),
  nextOffset: bytes,
  endOffset: bytes.meta({
    description:
      "Where the last page ends: after what was stored when this one was asked for, or at end.",
  }),
  end: z.boolean().meta({ description: "Whether everything up to there has been returned." }),
  exitStatus: exitStatus.meta({
    description: "On the last page of a job that has ended. Null for a job that was lost.",
  }),
}).register(named, { id: "OutputPage" });

// A field that only one of GetLogsResponse and the schema has does not compile.
true satisfies Alike<keyof GetLogsResponse, keyof z.output<typeof outputPage>>;

export const inputQuery = z.strictObject({
  offset: fields.position.meta({
    description:
      "How many bytes of input came before these. Bytes that were written already are skipped, so " +
      "that a request whose answer was lost can be repeated.",
  }),
  end: flag.default("0").meta({ description: "No more input will come." }),
});

export const inputAnswer = z.object({
  accepted: bytes.meta({ description: "How many bytes of input the job has taken in all." }),
}).register(named, { id: "InputAnswer" });

true satisfies Alike<WriteInputResponse, z.output<typeof inputAnswer>>;
