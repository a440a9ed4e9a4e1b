/**
 * Daemons of root whose gateways have a user of their own.
 *
 * @module
 */

import { gatewayRights } from "../../../lib/daemon/users/gateway_user.ts";
import { assert } from "../../assert.ts";
import type { TestCertificates } from "../../certificates.ts";
import { TestDaemon, type TestDaemonOptions } from "../../end_to_end/daemon.ts";
import { IS_SOURCE, programLine, ROOT } from "../../programs.ts";
import { allProcesses, until } from "../../worker/fixture.ts";

/** Gateways run as the one, jobs as the other. */
export const GATEWAY = { name: "daemon", uid: 1, gid: 1 };
export const JOB_USER = "nobody";

/** What comes before a program so that it has the rights of a gateway. */
const AS_GATEWAY = await gatewayRights(GATEWAY, {
  address: { hostname: "127.0.0.1", port: 0 },
  restAddress: null,
  inherited: { grpc: null, rest: null },
});

export async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  const [out = "", err = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, err);
  return out;
}

/** What the gateway's user finds when it runs this script. */
export function asGateway(script: string, ...args: readonly string[]): Promise<string> {
  const [setpriv = "", ...rights] = AS_GATEWAY;
  return run(setpriv, ...rights, "sh", "-c", script, "sh", ...args);
}

/** A place that everybody may enter, and what must come before a daemon there so that a gateway can be run. */
export class Stage implements AsyncDisposable {
  readonly path: string;
  readonly starter: readonly string[];

  private constructor(path: string) {
    this.path = path;
    const modules = IS_SOURCE ? ["env", `DENO_DIR=${path}`] : [];
    this.starter = ["sh", "-c", 'chmod 755 . && exec "$@"', "sh", ...modules];
  }

  static async make(): Promise<Stage> {
    const path = await Deno.makeTempDir({ prefix: "job-worker-stage-" });
    await Deno.chmod(path, 0o755);
    if (IS_SOURCE) {
      const { denoDir } = JSON.parse(await run(Deno.execPath(), "info", "--json"));
      await run("cp", "-r", `${denoDir}/npm`, path);
      await asGateway('[ -r "$1" ]', `${ROOT}server.ts`);
    } else {
      const [program = "", ...args] = programLine("worker-daemon", path);
      await run(program, ...args, "--version");
      await run("chmod", "-R", "go+rX", Deno.env.get("XDG_CACHE_HOME") ?? "");
    }
    return new Stage(path);
  }

  start(
    certificates: TestCertificates,
    { args = [], starter = [] }: TestDaemonOptions = {},
  ): Promise<TestDaemon> {
    const users = [`--gateway-user=${GATEWAY.name}`, `--job-user=${JOB_USER}`];
    return TestDaemon.start(certificates, {
      args: [...users, ...args],
      starter: [...starter, ...this.starter],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** The only gateway of a daemon, and how the kernel describes it, see proc_pid_status(5). */
export async function gatewayOf(daemon: TestDaemon): Promise<{ pid: number; status: string }> {
  const engine = daemon.pid;
  return await until(async () => {
    for (const { pid, parent } of await allProcesses()) {
      if (parent !== engine) continue;
      const line = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
      if (!line.endsWith("\0gateway\0") || line.startsWith("/usr/bin/setsid\0")) continue;
      const status = await Deno.readTextFile(`/proc/${pid}/status`);
      if (new RegExp(`^Uid:\t${GATEWAY.uid}\t`, "m").test(status)) return { pid, status };
    }
    return false;
  });
}

export function fieldOf(status: string, name: string): string {
  return new RegExp(`^${name}:[ \t]*(.*?) *$`, "m").exec(status)?.[1] ?? "";
}
