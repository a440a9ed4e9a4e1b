import type { Host, ListHostsResponse } from "../service/job_service.ts";
import type * as wire from "./gen/jobworker.ts";
import { HOST_STATES } from "./wire_enums.ts";
import { readMs, writeTimestamp } from "./wire_values.ts";

export function readListHostsResponse({ hosts }: wire.ListHostsResponse): ListHostsResponse {
  return { hosts: hosts.map(readHost) };
}

export function writeListHostsResponse({ hosts }: ListHostsResponse): wire.ListHostsResponse {
  return { hosts: hosts.map(writeHost) };
}

function readHost({ state, heardDate, ...rest }: wire.Host): Host {
  const heardAt = heardDate === null ? null : readMs(heardDate, "heard_date");
  return { ...rest, state: HOST_STATES.read(state), heardAt };
}

function writeHost({ state, heardAt, ...rest }: Host): wire.Host {
  const heardDate = heardAt === null ? null : writeTimestamp(heardAt);
  return { ...rest, state: HOST_STATES.write(state), heardDate };
}
