import type { ProcessSpec } from "../../lib/process/process.ts";

/** A process like any other, but for its program. */
export const SPEC: Omit<ProcessSpec, "program"> = {
  args: [],
  env: { JOB_ID: "id" },
  workingDirectory: "/",
  cgroup: "",
  umask: "",
  nice: 0,
  user: null,
  rlimits: {},
  newPrivileges: true,
  hasInput: false,
};

/** The rights of a user who may do next to nothing. */
export const NOBODY = { uid: 65534, gid: 65534 };
