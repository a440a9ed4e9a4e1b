import type { LaunchTools } from "../../lib/process/process.ts";

/** The programs that a start goes through, where Debian has them. */
export const TOOLS: LaunchTools = {
  setsid: "/usr/bin/setsid",
  sh: "/bin/sh",
  env: "/usr/bin/env",
  chown: "/bin/chown",
  nice: "/usr/bin/nice",
  setpriv: "/usr/bin/setpriv",
  prlimit: "/usr/bin/prlimit",
  softDescriptorLimit: 1024,
};
