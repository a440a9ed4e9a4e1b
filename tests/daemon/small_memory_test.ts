import { executorCommand } from "../../lib/daemon/executor_command.ts";
import { gatewayCommand } from "../../lib/daemon/gateway_command.ts";
import { V8_FLAGS, withSmallMemory } from "../../lib/daemon/small_memory.ts";
import { assert } from "../assert.ts";
import { ROOT } from "../programs.ts";

Deno.test("Every role begins with little memory, and is started as the others", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const address = { hostname: "127.0.0.1", port: 0 };
  const settings = { dataDirectory: "", home: "", cgroups: false, newPrivileges: false };
  const lines = [
    tasks.start.command.split(" "),
    gatewayCommand({ socket: "/socket", address, restAddress: null }),
    executorCommand("/usr/bin/setsid", {
      ...{ socket: "", logs: "", outcomes: "", keepsJobs: true },
      settings: { ...settings, jobUids: null },
    }),
  ];
  for (const line of lines) assert.ok(line.includes(V8_FLAGS), line.join(" "));
});

Deno.test("withSmallMemory() leaves its arguments as they are", async () => {
  const [program = "", ...args] = [
    ...await withSmallMemory(),
    "sh",
    "-c",
    'echo "$1:$MALLOC_MMAP_THRESHOLD_"',
  ];
  const { stdout } = await new Deno.Command(program, { args: [...args, "sh", "a b"] }).output();
  assert.equal(new TextDecoder().decode(stdout), "a b:65536\n");
});
