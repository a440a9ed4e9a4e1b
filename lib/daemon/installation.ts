import { join, resolve } from "node:path";
import { CONFIG_NAME, SYSTEM_DIRECTORY } from "../config/config_file.ts";
import { isThere } from "./new_files.ts";

/**
 * The directory of an installation, as the daemon itself would find it: the one that is named, or the working
 * directory, or that of the system if the configuration is there.
 *
 * @returns an absolute path
 */
export async function installationDirectory(named: string | undefined): Promise<string> {
  if (named !== undefined) return resolve(named);
  const isOfSystem = !await isThere(CONFIG_NAME) &&
    await isThere(join(SYSTEM_DIRECTORY, CONFIG_NAME));
  return isOfSystem ? SYSTEM_DIRECTORY : resolve(".");
}
