/**
 * The messages of the four paths outside `/v1/`, which stay as they are.
 *
 * @module
 */

import * as z from "../../text/zod.ts";
import * as fields from "../../service/fields.ts";
import { about, ARGUMENTS, jobId, jobStatus, named, PROGRAM } from "./pieces.ts";

const error = z.string().nullable().meta({ description: "What went wrong; null if nothing did." });

export const healthAnswer = z.object({ status: z.literal("ok") }).register(named, {
  id: "HealthAnswer",
});

export const startCommand = z.strictObject({
  command: about(fields.commandName, PROGRAM),
  args: about(fields.args, ARGUMENTS).default([]),
}).register(named, { id: "StartCommand" });

export const startAnswer = z.object({
  status: z.enum(["running", "error"]),
  jobId: z.string().meta({ description: "Empty if there is an error." }),
  error,
}).register(named, { id: "StartAnswer" });

export const stopCommand = z.strictObject({ jobId }).register(named, { id: "StopCommand" });

export const stopAnswer = z.object({ status: z.enum(["success", "error"]), error }).register(
  named,
  { id: "StopAnswer" },
);

export const statusAnswer = z.object({
  status: z.enum(["success", "error"]),
  error,
  jobStatus: jobStatus.nullable(),
}).register(named, { id: "StatusAnswer" });
