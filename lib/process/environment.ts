/** The variables of a job, packed for `exec_as_user.sh`, which unpacks them. */
export interface PackedEnvironment {
  /** The variables that the shells before it are given. */
  readonly variables: Readonly<Record<string, string>>;
  /** How many of them a shell can export; these come first. */
  readonly exported: number;
  /** How many only env(1) can set; these follow. */
  readonly passed: number;
}

/** Names that a shell (dash or bash) sets, reads or protects itself, and the names of packed variables. */
const OF_THE_SHELL =
  /^(?:PWD|OLDPWD|SHLVL|IFS|PS[0-4]|PPID|OPTIND|OPTARG|LINENO|_|ENV|BASH.*|E?UID|GROUPS|SHELLOPTS|S?RANDOM|SECONDS|EPOCH.*|DIRSTACK|FUNCNAME|HISTCMD|JOB_(?:ENV|MORE)_.*)$/;

/** At most 120,000 bytes, which leave room for the name of a packed one below MAX_ARG_STRLEN. */
const PIECES = /^([^]{0,30000})([^]*)$/u;

/**
 * Packs the variables of a job for their way through programs that still have the rights of the
 * daemon. Under their own names they would tell those programs what to load and how to behave:
 * `LD_PRELOAD`, `GCONV_PATH`, `LANGUAGE`. As arguments everybody could read them (proc_pid_cmdline(5));
 * the few that only env(1) can set are arguments while env(1) runs.
 *
 * `JOB_ID` keeps its name: its value is ours, and a later executor finds the process by it at any moment.
 */
export function packEnvironment(env: Readonly<Record<string, string>>): PackedEnvironment {
  const { JOB_ID, ...others } = env;
  const names = Object.keys(others);
  const exported = names.filter(isExported);
  const passed = names.filter((name) => !isExported(name));
  const variables: Record<string, string> = JOB_ID === undefined ? {} : { JOB_ID };
  for (const [index, name] of [...exported, ...passed].entries()) {
    const [, first = "", more = ""] = PIECES.exec(`${name}=${env[name]}`) ?? [];
    variables[`JOB_ENV_${index}`] = first;
    if (more !== "") variables[`JOB_MORE_${index}`] = more;
  }
  return { variables, exported: exported.length, passed: passed.length };
}

function isExported(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name) && !OF_THE_SHELL.test(name);
}
