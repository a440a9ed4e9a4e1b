import type { JobFilter } from "./types.ts";

/** Narrows a filter to the jobs of one owner; `null` if it asks for those of another. */
export function narrowTo(owner: string, filter: JobFilter): JobFilter | null {
  return filter.owner === undefined || filter.owner === owner ? { ...filter, owner } : null;
}
