import { OwnLimit } from "../../lib/process/own_limit.ts";
import { ProcShell } from "../../lib/process/proc_shell.ts";
import { assert } from "../assert.ts";
import { descriptorLimits } from "./descriptor_limits.ts";
import { TOOLS } from "./tools.ts";

const SOFT = 240;
/** As many jobs as half of that is enough for. */
const ROOMY = 20;

/** A process whose limit can be changed without harm. */
function sleeper(): AsyncDisposable & { readonly pid: number } {
  const child = new Deno.Command("sleep", { args: ["1000"] }).spawn();
  const end = async () => {
    child.kill("SIGKILL");
    await child.status;
  };
  return { pid: child.pid, [Symbol.asyncDispose]: end };
}

Deno.test("OwnLimit is that of jobs until these need more than half of it, and then as high as it may be", async () => {
  await using shell = new ProcShell(TOOLS);
  await using process = sleeper();
  const { pid } = process;
  const { hard } = await descriptorLimits(pid);
  const own = await OwnLimit.lower({ shell, pid, hard, soft: SOFT });
  assert.deepEqual([own.isOfJobs, await descriptorLimits(pid)], [true, { soft: SOFT, hard }]);
  const rooms = await Promise.all(Array.from({ length: ROOMY }, () => own.makeRoom()));
  // What has ended makes room for others.
  rooms.pop()?.[Symbol.dispose]();
  await own.makeRoom();
  assert.deepEqual([own.isOfJobs, await descriptorLimits(pid)], [true, { soft: SOFT, hard }]);
  const making = [own.makeRoom(), own.makeRoom()];
  assert.equal(own.isOfJobs, false, "Before it is raised");
  await Promise.all(making);
  assert.deepEqual([own.isOfJobs, await descriptorLimits(pid)], [false, { soft: hard, hard }]);
  for (const room of rooms) room[Symbol.dispose]();
  await own.makeRoom();
  assert.equal(own.isOfJobs, false, "It stays so");
});

Deno.test("OwnLimit is not that of jobs where these would inherit more than they are to have", async () => {
  const asked: string[] = [];
  const answers = (limit: string, adjustment: string) => ({
    ask: (request: string) => {
      asked.push(request);
      return Promise.resolve(request.startsWith("limit") ? limit : adjustment);
    },
  });
  const soft = 10;
  const lower = (shell: { ask(request: string): Promise<string> }) =>
    OwnLimit.lower({ shell, soft, hard: Infinity, pid: 1 });
  assert.equal((await lower(answers("0", "-900"))).isOfJobs, false);
  assert.equal((await lower(answers("0", ""))).isOfJobs, false);
  assert.deepEqual(asked.splice(0), ["oom_score_adj", "oom_score_adj"]);
  const refused = await lower(answers("1", "0"));
  assert.equal(refused.isOfJobs, false);
  await refused.makeRoom();
  assert.deepEqual(asked, ["oom_score_adj", "limit 1 10"], "It is as high as it was");
});

Deno.test("OwnLimit is raised with the next job if it could not be with the last", async () => {
  let limits = ["0", "1", "0"];
  const asked: string[] = [];
  const shell = {
    ask: (request: string) => {
      asked.push(request);
      if (request === "oom_score_adj") return Promise.resolve("0");
      const [answer = "0", ...others] = limits;
      limits = others;
      return Promise.resolve(answer);
    },
  };
  const own = await OwnLimit.lower({ shell, soft: 10, hard: Infinity, pid: 1 });
  for (let job = 0; job < 3; job++) {
    await own.makeRoom();
    assert.equal(own.isOfJobs, false);
  }
  const raise = "limit 1 unlimited";
  assert.deepEqual(asked, ["oom_score_adj", "limit 1 10", raise, raise]);
});
