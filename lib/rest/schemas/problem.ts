/**
 * Errors of the paths under `/v1/`.
 *
 * @module
 */

import * as z from "../../text/zod.ts";
import { ERROR_CODES, type ErrorCode } from "../../errors.ts";
import { named } from "./pieces.ts";

/** An error: RFC 9457. */
export const problem = z.object({
  type: z.literal("about:blank"),
  title: z.string().meta({ description: "The name of the status." }),
  status: z.int(),
  detail: z.string(),
  code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
  field: z.string().optional().meta({
    description: "The field of a request that it is about, such as `filter.owner`.",
  }),
  reason: z.string().optional().meta({ description: "A code for programs, such as ENOENT." }),
}).register(named, { id: "Problem" });
