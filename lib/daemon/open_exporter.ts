import type { DaemonOptions } from "../config/options.ts";
import type { ExporterKeeper, ExporterKeeperOptions } from "./exporter_keeper.ts";

/** Serves metrics if the options say so; the code for that is loaded only then. */
export async function openExporter(
  { metricsAddress: address, hub, debug }: DaemonOptions,
  { journal, ...rest }: Omit<ExporterKeeperOptions, "exporter"> & {
    /** Whether diagnostics go to a journal. */
    readonly journal: boolean;
  },
): Promise<ExporterKeeper | null> {
  if (address === null) return null;
  const { ExporterKeeper } = await import("./exporter_keeper.ts");
  const by = hub ? "hub" : "host";
  return await ExporterKeeper.start({ ...rest, exporter: { address, by, debug, journal } });
}
