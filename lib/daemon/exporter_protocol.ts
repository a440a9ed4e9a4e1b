/**
 * What the engine, or a hub, and the exporter say to each other, over the exporter's standard input and output: a line
 * of JSON each. When its input ends, the engine has died, and the exporter exits.
 *
 * @module
 */

import * as z from "../text/zod.ts";
import { FAILURES } from "./gateway_protocol.ts";

const hostPortSchema = z.object({ hostname: z.string(), port: z.number() });

/** What an exporter serves. */
export const exporterOptionsSchema = z.object({
  address: hostPortSchema,
  /** Whose metrics they are. */
  by: z.enum(["host", "hub"]),
  debug: z.boolean(),
  /** Whether standard error, which it has from the engine, is systemd's journal. */
  journal: z.boolean(),
});

export type ExporterOptions = Readonly<z.infer<typeof exporterOptionsSchema>>;

/** From the engine. */
export const exporterCommandSchema = z.discriminatedUnion("kind", [
  /** The first one. Answered by `listening` or `failed`. */
  z.object({ kind: z.literal("serve"), options: exporterOptionsSchema }),
  /** What is measured, as it is to be served. */
  z.object({ kind: z.literal("text"), text: z.string() }),
]);

export type ExporterCommand = z.infer<typeof exporterCommandSchema>;

/** From the exporter. */
export const exporterReportSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("listening"), address: hostPortSchema }),
  z.object({ kind: z.literal("failed"), code: z.enum(FAILURES), message: z.string() }),
  /** Somebody asks. Answered by `text`, and until then not sent again. */
  z.object({ kind: z.literal("scrape") }),
]);

export type ExporterReport = z.infer<typeof exporterReportSchema>;

/** The longest line that is read: the text has some hundred bytes for each process, method and code. */
export const MAX_TEXT_CHARACTERS: number = 4 * 1024 * 1024;
