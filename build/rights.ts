/**
 * The table of docs/permissions.md: what each role keeps of the rights of root, where the daemon is root. A test
 * compares it with what the kernel says of a running daemon.
 *
 * @module
 */

import { table } from "./table.ts";

/** The document that holds the table. */
export const PERMISSIONS_PAGE: URL = new URL("../docs/permissions.md", import.meta.url);

/** What a process has, see proc_pid_status(5). */
export interface SystemRights {
  readonly user: "root" | "--gateway-user" | "--job-user";
  /** Those that it uses, and those that it or whatever it starts could ever get: see capabilities(7). */
  readonly effective: "all" | "none";
  readonly bounding: "all" | "none";
  readonly noNewPrivileges: boolean;
  readonly why: string;
}

export const SYSTEM_RIGHTS: Readonly<
  Record<"engine" | "executor" | "gateway" | "job", SystemRights>
> = {
  engine: {
    user: "root",
    effective: "all",
    bounding: "all",
    noNewPrivileges: false,
    why:
      "It reads your files wherever they are, and ends gateways, which are another user's. And it starts " +
      "executors, which can have nothing that it has given up: see below.",
  },
  executor: {
    user: "root",
    effective: "all",
    bounding: "all",
    noNewPrivileges: false,
    why:
      "It starts jobs as other users, sets their limits, puts them into cgroups and ends them. A job of root has " +
      "what its executor has.",
  },
  gateway: {
    user: "--gateway-user",
    effective: "none",
    bounding: "none",
    noNewPrivileges: true,
    why:
      "It listens, and connects to one socket. `CAP_NET_BIND_SERVICE` only for a port below 1024 that systemd " +
      "does not hold.",
  },
  job: {
    user: "--job-user",
    effective: "none",
    bounding: "all",
    noNewPrivileges: true,
    why:
      "What its user may. The bounding set is without effect, since `no_new_privs` lets no program add to its rights; " +
      "`--new-privileges=true` lifts that. A job of root is root.",
  },
};

/** The document with today's table in place of the one that it holds. */
export function withRightsTable(page: string): string {
  const rows = Object.entries(SYSTEM_RIGHTS).map(([role, rights]) => [
    role,
    rights.user === "root" ? rights.user : `that of \`${rights.user}\``,
    rights.effective,
    rights.bounding,
    rights.noNewPrivileges ? "yes" : "no",
    rights.why,
  ]);
  const heading = ["role", "user", "capabilities", "bounding set", "`no_new_privs`", "why"];
  const place = /(<!-- begin: rights -->\n)[^]*(<!-- end: rights -->)/;
  if (!place.test(page)) {
    throw new Error("docs/permissions.md has no place for the table of rights");
  }
  return page.replace(place, (_, begin, end) => `${begin}\n${table([heading, ...rows])}\n\n${end}`);
}
