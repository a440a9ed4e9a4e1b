import type { DaemonOptions } from "../config/options.ts";
import { failedPrecondition, pathFaultOf } from "../errors.ts";
import { readTrustedFile } from "../files/trusted_file.ts";
import type { PostgresOptions } from "../fleet/postgres_database.ts";
import type { Registry } from "../fleet/registry.ts";
import { SqliteRegistry } from "../fleet/sqlite_registry.ts";
import { REGISTRY } from "./data_directory.ts";

/** What a hub and those that share its registry have to agree about, and who is told what the others do. */
export interface SharedRegistryOptions extends Pick<PostgresOptions, "onNotice" | "onMissed"> {
  readonly fleet: string;
  /** With which what waits is sealed. */
  readonly key: Uint8Array<ArrayBuffer>;
}

/**
 * Opens the registry of a hub: its own one, or that which it shares with others.
 *
 * @throws `failed_precondition`, naming what is in the way; `unavailable` if that may pass
 */
export async function openRegistry(
  options: Pick<DaemonOptions, "registry" | "registryPassword">,
  dataDirectory: string,
  { fleet, key, onNotice, onMissed }: SharedRegistryOptions,
): Promise<Registry> {
  const { registry: url } = options;
  if (url === null) return await SqliteRegistry.open(`${dataDirectory}/${REGISTRY}`);
  // Only who has several hubs needs the code for it.
  const { PostgresRegistry } = await import("../fleet/postgres_registry.ts");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", key));
  return await PostgresRegistry.open({
    ...await readRegistryFiles(options),
    ...{ url, fleet, keyDigest: digest.toHex(), onNotice, onMissed },
  });
}

/**
 * Reads what a hub needs to use the registry that it shares with others.
 *
 * @throws `failed_precondition`, naming the file
 */
export async function readRegistryFiles(
  { registry, registryPassword }: Pick<DaemonOptions, "registry" | "registryPassword">,
): Promise<Pick<PostgresOptions, "password" | "rootCert">> {
  return {
    password: (await readOne("password of the registry", registryPassword)).trimEnd(),
    rootCert: await readOne("CA of the registry", registry?.rootCert ?? ""),
  };
}

async function readOne(what: string, path: string): Promise<string> {
  if (path === "") return "";
  try {
    return await readTrustedFile(path, { uid: Deno.uid(), maxBytes: 256 * 1024 });
  } catch (error) {
    throw failedPrecondition(`Cannot read the ${what} "${path}": ${pathFaultOf(error)}`, error);
  }
}
