/**
 * The hosts of a fleet.
 *
 * @module
 */

import type { Alike } from "../../service/alike.ts";
import * as z from "../../text/zod.ts";
import * as fields from "../../service/fields.ts";
import { HOST_STATES, type HostJson } from "../../job/host.ts";
import { dateTime, labelPairs, labels, named, oneOf } from "./pieces.ts";

export const hostQuery = z.strictObject({
  host: fields.hostName.optional(),
  label: labelPairs.optional().meta({
    description: "NAME=VALUE, each name at most once. A host must have all of these labels.",
  }),
});

export const host = z.object({
  name: z.string(),
  state: oneOf(HOST_STATES),
  labels,
  slots: z.int().meta({ description: "How many jobs the hub gives it at a time." }),
  running: z.int(),
  queued: z.int(),
  load: z.number().meta({ description: "Its load average over the last minute." }),
  version: z.string().meta({ description: "That of its daemon. Empty until it has said so." }),
  detail: z.string().meta({ description: "Why it is offline; empty if it is not." }),
  heardDate: dateTime.nullable().meta({ description: "When it was last heard. Null: never." }),
}).register(named, { id: "Host" });

true satisfies Alike<HostJson, z.output<typeof host>>;

export const hostList = z.object({
  hosts: z.array(host).meta({
    description: "In the order of their names; none where there is no fleet.",
  }),
}).register(named, { id: "HostList" });
