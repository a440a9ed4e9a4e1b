/**
 * Tests that leave something behind, for the test of those who look for it. Not part of any run.
 *
 * @module
 */

import { newId } from "../../lib/ids.ts";
import { ProcShell } from "../../lib/process/proc_shell.ts";
import { UNPACKED_BY_ROOT } from "../var_cache.ts";
import { TestWorker } from "../worker/fixture.ts";

/** Starts a process that outlives its parent and its session, and that says so. */
async function startOrphan(): Promise<void> {
  const script =
    'setsid sh -c "echo >there; exec sleep 1000" & until [ -e there ]; do sleep 0.01; done';
  const directory = Deno.env.get("TMPDIR") ?? "";
  const child = new Deno.Command("sh", {
    args: ["-c", script],
    cwd: directory,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await child.status;
  await Deno.remove(`${directory}/there`);
}

Deno.test("clean", () => {});

Deno.test("process", startOrphan);

Deno.test("file", () => Deno.writeTextFile(`${Deno.env.get("TMPDIR")}/forgotten`, ""));

Deno.test("mount", async () => {
  const path = `${Deno.env.get("TMPDIR")}/mounted`;
  await Deno.mkdir(path);
  await new Deno.Command("mount", { args: ["-t", "tmpfs", "tmpfs", path] }).output();
  await Deno.writeTextFile(`${path}/forgotten`, "");
});

Deno.test("unpacked", () => Deno.mkdir(`${UNPACKED_BY_ROOT}/program`, { recursive: true }));

Deno.test("late", () => {
  // No test is running any more when that fails.
  addEventListener("unload", () => {
    throw new Error("too late for a test");
  });
});

Deno.test("crash", async () => {
  await startOrphan();
  Deno.kill(Deno.pid, "SIGKILL");
  await new Promise(() => {});
});

Deno.test("endless", async () => {
  await using worker = await TestWorker.open();
  const { jobId } = await worker.start({ name: "sleep", args: ["1000"] });
  await startOrphan();
  await Deno.writeTextFile(`${Deno.env.get("TMPDIR")}/running`, jobId);
  await new Promise((resolve) => setTimeout(resolve, 2 ** 30));
});

Deno.test("cgroup", async () => {
  await using shell = new ProcShell({ setsid: "/usr/bin/setsid", sh: "/bin/sh" });
  const [root = ""] = (await shell.ask("cgroup_root")).split(" ");
  await Deno.mkdir(`${root}/${newId()}`);
});
