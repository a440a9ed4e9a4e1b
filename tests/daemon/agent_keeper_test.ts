import { AgentKeeper } from "../../lib/daemon/agent_keeper.ts";
import { ALIVE } from "../../lib/daemon/agent_protocol.ts";
import { TOOLS } from "../process/tools.ts";
import { soon } from "../soon.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

/** What an agent does as far as its keeper can tell, until it is to end. */
const AGENT = `setInterval(() => console.log(Deno.args[1]), 1000);
await Deno.connect({ transport: "unix", path: Deno.args[0] });
await Deno.stdin.readable.pipeTo(new WritableStream());
Deno.exit();`;

Deno.test("A keeper that is closed in the moment in which its agent has connected ends it", async () => {
  await using directory = await temporaryDirectory();
  const socket = `${directory.path}/agent.sock`;
  const { remove } = Deno;
  const closed = Promise.withResolvers<void>();
  // It removes the socket then, which is the first time that there is one.
  Deno.remove = async (path, options) => {
    const isThere = path === socket && await Deno.lstat(socket).then(() => true, () => false);
    if (isThere) closed.resolve(keeper[Symbol.asyncDispose]());
    await remove(path, options);
  };
  const keeper = new AgentKeeper({
    setsid: TOOLS.setsid,
    rights: null,
    agent: {
      ...{ host: "web-1", servers: [], socket, debug: false, journal: false },
      tls: { cert: "", key: "", ca: "" },
    },
    command: [Deno.execPath(), "eval", AGENT, socket, JSON.stringify(ALIVE)],
    door: { answer: () => Promise.reject(new Error("Nobody calls")) },
  });
  try {
    await soon(closed.promise, () => "the end of the agent");
  } finally {
    Deno.remove = remove;
  }
});
