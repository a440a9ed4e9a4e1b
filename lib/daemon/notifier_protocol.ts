/**
 * What the engine and a notifier say to each other: lines of JSON, over the notifier's standard input and output. When
 * its input ends, the engine has died, and the notifier exits.
 *
 * @module
 */

import * as z from "../text/zod.ts";

/** From the engine. */
export const notifierCommandSchema = z.discriminatedUnion("kind", [
  /** The first line, and only that. */
  z.object({
    kind: z.literal("begin"),
    /** CAs that are trusted beside those that Deno brings along; PEM. */
    ca: z.string(),
    debug: z.boolean(),
    /** Whether standard error, which it has from the engine, is systemd's journal. */
    journal: z.boolean(),
  }),
  /** Answered by one line with the same number. */
  z.object({
    kind: z.literal("send"),
    number: z.number(),
    url: z.string(),
    headers: z.record(z.string(), z.string()),
    body: z.string(),
  }),
  /** Asks what it has counted; answered by one line with the same number. */
  z.object({ kind: z.literal("count"), number: z.number() }),
]);

export type NotifierCommand = z.infer<typeof notifierCommandSchema>;

/** From the notifier: the HTTP status, or why there is none; or what it has counted. */
export const notifierReportSchema = z.union([
  z.object({ number: z.number(), status: z.number() }),
  z.object({ number: z.number(), fault: z.string().max(512) }),
  z.object({ number: z.number(), residentBytes: z.number() }),
]);

export type NotifierReport = z.infer<typeof notifierReportSchema>;

/** The longest line to a notifier: a body, each character of which may be escaped, or the certificates of many CAs. */
export const MAX_COMMAND_CHARACTERS: number = 2 * 1024 * 1024;

/** The most bytes of a file of CAs. */
export const MAX_CA_BYTES: number = 512 * 1024;

/** How long a webhook has for its answer. */
export const ANSWER_TIMEOUT_MS = 15_000;
