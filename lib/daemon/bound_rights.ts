import type { DaemonOptions } from "../config/options.ts";
import { shellOutput } from "./shell_output.ts";

/** Prints the bounding set and whether rights can be gained, of itself and of the first process: see proc(5). */
const READ_BOUNDS = `for pid in self 1; do
  while read -r name value; do
    case $name in CapBnd: | NoNewPrivs:) printf %s "$value " ;; esac
  done <"/proc/$pid/status"
  echo
done`;

type Options = Pick<DaemonOptions, "jobUser" | "allowUsers" | "newPrivileges">;

/**
 * Whether some jobs would lack rights that these options promise them, because we have not got them ourselves:
 * those of root, and those that gain rights. Every job inherits our bounds. Those of a container, which bind its
 * first process as well, do not count.
 *
 * @param mapped the users that the map of users names
 * @param setsid absolute path of setsid(1)
 */
export async function bindsJobs(
  { jobUser, allowUsers, newPrivileges }: Options,
  mapped: ReadonlySet<string>,
  setsid: string,
): Promise<boolean> {
  const hasRoot = jobUser === "root" || mapped.has("root") || allowUsers === "any" ||
    allowUsers.includes("root");
  if (!hasRoot && !newPrivileges) return false;
  const { text } = await shellOutput(READ_BOUNDS, [], setsid);
  const [own, first] = text.split("\n");
  return own !== first && first !== "";
}
