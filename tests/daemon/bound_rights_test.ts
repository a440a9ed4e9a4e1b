import { bindsJobs } from "../../lib/daemon/bound_rights.ts";
import { assert } from "../assert.ts";
import { rootTest } from "../root.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

type Options = Parameters<typeof bindsJobs>[0] & { readonly mapped?: ReadonlySet<string> };

rootTest("bindsJobs() sees that jobs would lack rights that the options promise", async () => {
  await using directory = await temporaryDirectory();
  /** A setsid(1) that starts programs as a service with these bounds would. */
  const setsid = async (name: string, ...bounds: string[]) => {
    const path = `${directory.path}/${name}`;
    const script = `#!/bin/sh\nexec setpriv ${bounds.join(" ")} setsid "$@"\n`;
    await Deno.writeTextFile(path, script, { mode: 0o700 });
    return path;
  };
  const none: Options = { jobUser: "nobody", allowUsers: ["daemon"], newPrivileges: false };
  const promises: Options[] = [
    { ...none, jobUser: "root" },
    { ...none, allowUsers: ["daemon", "root"] },
    { ...none, allowUsers: "any" },
    { ...none, newPrivileges: true },
    { ...none, jobUser: "", mapped: new Set(["daemon", "root"]) },
  ];
  const binds = ({ mapped = new Set(["daemon"]), ...options }: Options, setsid: string) =>
    bindsJobs(options, mapped, setsid);
  const free = "/usr/bin/setsid";
  const few = await setsid("few", "--bounding-set=-sys_module");
  const never = await setsid("never", "--no-new-privs");
  for (const options of promises) {
    assert.equal(await binds(options, free), false);
    assert.equal(await binds(options, few), true);
    assert.equal(await binds(options, never), true);
  }
  for (const bound of [free, few, never]) assert.equal(await binds(none, bound), false);
});
