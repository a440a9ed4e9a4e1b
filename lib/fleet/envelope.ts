/**
 * What everybody can read of a call and of its answer, and nobody can change. Who calls and what is asked for is not
 * in it, but sealed.
 *
 * @module
 */

import { FLEET_NAME, MEMBER_NAME } from "../auth/fleet_certificates.ts";
import * as z from "../text/zod.ts";
import { SEAL_KEY_BYTES } from "./seal.ts";

export const VERSION = 1;

/** How long a call may be valid, which is how long a host remembers that it has come. */
export const MAX_LIFETIME_MS = 60_000;

/** How far the clock of a hub may be ahead of that of a host. */
export const MAX_SKEW_MS = 30_000;

const time = z.number().int().min(0);
const fleet = z.string().regex(FLEET_NAME);
const member = z.string().regex(MEMBER_NAME);
/** As `crypto.randomUUID()` makes them. */
const id = z.string().length(36);

const callSchema = z.object({
  version: z.literal(VERSION),
  fleet,
  hub: member,
  host: member,
  method: z.string().max(64),
  callId: id,
  /** In milliseconds since the Unix epoch, by the clock of the hub. */
  issuedAt: time,
  expiresAt: time,
  nonce: id,
  /** The epoch of the host, see `Nonces`; `""` if the hub does not know it. */
  epoch: id.or(z.literal("")),
  /** The hub's key for this call, in base64. */
  ephemeral: z.base64().length(Math.ceil(SEAL_KEY_BYTES / 3) * 4),
});

/** What a hub says of a call. */
export type CallEnvelope = z.infer<typeof callSchema>;

/** Why a host takes no notice of a call, in a word and as it tells it. */
const REFUSALS = [
  "malformed",
  "too_large",
  "other_version",
  "other_fleet",
  "other_host",
  "other_method",
  "not_a_hub",
  "bad_signature",
  "clock_skew",
  "other_epoch",
  "repeated",
  "other_key",
  "busy",
] as const;

const replySchema = z.object({
  version: z.literal(VERSION),
  fleet,
  host: member,
  /** Which call this answers: the digest of its head, see `SealedMessage`; `""` if it has none. */
  call: z.string().max(64),
  /** Its id, or `""` if the host has not read as far as that. */
  callId: id.or(z.literal("")),
  epoch: id,
  /** If the call was refused. Then nothing is sealed, because nothing is known of the other side. */
  refusal: z.object({ why: z.enum(REFUSALS), message: z.string() }).optional(),
});

/** What a host says of its answer. */
export type ReplyEnvelope = z.infer<typeof replySchema>;

/** That a host has not even looked at what was asked of it. */
export type CallRefusal = NonNullable<ReplyEnvelope["refusal"]>;

/** @returns `null` if it is none of this version */
export function readCallEnvelope(text: string): CallEnvelope | null {
  return readJson(callSchema, text);
}

/** @returns `null` if it is none of this version */
export function readReplyEnvelope(text: string): ReplyEnvelope | null {
  return readJson(replySchema, text);
}

const versionSchema = z.object({ version: z.number() });

/** The version of an envelope that cannot be read; `null` if it does not even say that. */
export function versionOf(text: string): number | null {
  return readJson(versionSchema, text)?.version ?? null;
}

function readJson<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
