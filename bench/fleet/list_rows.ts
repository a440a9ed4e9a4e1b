import type { Registry } from "../../lib/fleet/registry.ts";
import type { JobFilter } from "../../lib/job/types.ts";
import { quantile, times } from "../measure.ts";
import { report } from "../report.ts";
import type { BenchFleet } from "./bench_fleet.ts";
import { LABEL, ownerOf } from "./simulated_jobs.ts";

/** How many pages of each list are looked at, one after the other, and how long they are. */
const PAGES = 50;
const PAGE_SIZE = 100;

/** Who lists jobs: everybody's, or some. */
function filters(host: string): readonly JobFilter[] {
  return [{}, { owner: ownerOf(0) }, { host }, { statuses: ["failed"] }, { labels: LABEL }];
}

/** A page of a list, of which it returns where the next one begins; `""` if there is none. */
type ListPage = (filter: JobFilter, before: string) => Promise<string>;

async function pageTimes(host: string, list: ListPage): Promise<number[]> {
  const found: number[] = [];
  for (const filter of filters(host)) {
    let before = "";
    found.push(
      ...await times(PAGES, async () => {
        before = await list(filter, before);
      }),
    );
  }
  return found;
}

/** How long the pages take in the registry itself, in microseconds: the limit. */
export async function registryTimes(registry: Registry, host: string): Promise<number[]> {
  return await pageTimes(host, async (filter, before) => {
    const page = { limit: PAGE_SIZE, ...(before !== "" && { before }) };
    return (await registry.list(filter, page)).at(-1)?.job.jobId ?? "";
  });
}

/** Lists of jobs by page, to what the registry takes for the same without the hub. */
export async function benchLists(
  { client, names: [host = ""] }: BenchFleet,
  registry: readonly number[],
): Promise<void> {
  const found = await pageTimes(host, async (filter, pageToken) => {
    const page = await client.listJobs({ filter, pageSize: PAGE_SIZE, pageToken });
    return page.nextPageToken;
  });
  for (const [name, part] of [["median", 0.5], ["99 of 100", 0.99]] as const) {
    const limit = { value: quantile(registry, part) / 1000, name: "the database alone" };
    report(`list, a page of 100 jobs, ${name}`, quantile(found, part) / 1000, "ms", limit);
  }
}
