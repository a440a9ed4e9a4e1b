import type { JobUserMap } from "../../auth/job_user_map.ts";
import type { Identity } from "../../auth/identity.ts";
import type { DaemonOptions } from "../../config/options.ts";
import { messageOf } from "../../errors.ts";
import { loadJobUserMap } from "./check_users.ts";
import { diagnostics } from "../diagnostics.ts";

/** Which user of the system each owner's jobs run as, by the file of `--job-user-map` as it was last read. */
export class JobUsers {
  readonly #load: () => Promise<JobUserMap | null>;
  #map: JobUserMap | null;
  /** Settles when no map is being read: of two, the later one counts. */
  #reloaded = Promise.resolve();

  private constructor(load: () => Promise<JobUserMap | null>, map: JobUserMap | null) {
    this.#load = load;
    this.#map = map;
  }

  /**
   * @param setsid absolute path of setsid(1)
   * @param map what `checkUsers()` has just read; without it, the file is read
   * @throws `failed_precondition` if the map cannot be used
   */
  static async open(
    options: Pick<DaemonOptions, "jobUserMap" | "gatewayUser">,
    setsid: string,
    map?: JobUserMap | null,
  ): Promise<JobUsers> {
    const load = () => loadJobUserMap(options, setsid);
    return new JobUsers(load, map === undefined ? await load() : map);
  }

  /**
   * @returns `undefined` if there is no map
   * @throws `permission_denied` for somebody who is not in it
   */
  userOf(identity: Identity): string | undefined {
    return this.#map?.userOf(identity);
  }

  /** The users of the system that the map names. */
  get users(): ReadonlySet<string> {
    return this.#map?.users ?? new Set();
  }

  /** See {@linkcode JobUserMap.usersOf}; `undefined` if there is no map. */
  usersOf(owner: string): readonly string[] | undefined {
    return this.#map?.usersOf(owner);
  }

  /** Reads the map again. One that cannot be used changes nothing. */
  async reload(): Promise<void> {
    this.#reloaded = this.#reloaded.then(async () => {
      try {
        this.#map = await this.#load();
      } catch (error) {
        const why = messageOf(error);
        diagnostics.error("Cannot reload: {why}; jobs run as the map said before", { why });
      }
    });
    await this.#reloaded;
  }
}
