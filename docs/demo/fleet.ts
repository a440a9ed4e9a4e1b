/**
 * `deno task demo:fleet`: a hub, nats-server and three hosts, for real and all on this machine, in a temporary
 * directory: jobs that are placed by labels, a command on all hosts, a job that waits for its turn, a follower that
 * outlives an agent, a host that is lost and comes back, and a clean end.
 *
 * @module
 */

import { TestNatsServer } from "../../tests/fleet/nats_server.ts";
import { freePort } from "../../tests/free_port.ts";
import { programLine } from "../../tests/programs.ts";
import { FleetDaemon } from "./fleet_daemon.ts";
import { natsProgram } from "./nats_program.ts";
import { type DemoStage, perform, print, say, show } from "./stage.ts";

/** The hosts with their labels, and how many jobs each may run. */
const HOSTS = {
  "web-1": ["--labels=role=web,zone=eu", "--slots=4"],
  "web-2": ["--labels=role=web,zone=us", "--slots=4"],
  "db-1": ["--labels=role=db", "--slots=1"],
};

/** Prints a line now and then, for as long as it takes to replace an agent. */
const LINES = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`);
const COUNT = `for i in $(seq ${LINES.length}); do echo line $i; sleep 0.3; done`;

/** Runs one of the verbs of the daemon that make files; what they print would be too much here. */
async function make(stage: DemoStage, ...args: readonly string[]): Promise<void> {
  stage.interrupted.throwIfAborted();
  show(["worker-daemon", ...args]);
  const permissions = [`--allow-write=${stage.directory}`, "--allow-sys=hostname"];
  const line = [...programLine("worker-daemon", stage.directory, permissions), ...args];
  const { success } = await stage.spawn(line, { stdout: "null" }).status;
  if (!success) throw new Error(`worker-daemon ${args[0]} has failed`);
}

/**
 * Follows a job, and kills the agent of its host once there are three lines.
 *
 * @throws if a line is missing, or has come twice
 */
async function followPastDeath(stage: DemoStage, jobId: string, host: FleetDaemon): Promise<void> {
  const child = stage.cli(["logs", "all", jobId, "--follow"], { stdout: "piped" });
  const seen: string[] = [];
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      print(line);
      seen.push(line);
      if (line === "line 3") await host.killAgent();
    }
  }
  await child.status;
  stage.interrupted.throwIfAborted();
  if (seen.join() !== LINES.join()) throw new Error("The log is not what the job has printed");
  print("No line is missing, and none came twice.");
}

await perform(async (stage) => {
  const program = await natsProgram(stage);
  const nats = { port: freePort(), config: `${stage.directory}/hub/fleet/nats.conf`, program };
  const address = `127.0.0.1:${nats.port}`;

  say("1. A hub, with its CA and all that nats-server needs. Three hosts are added, and join.");
  await make(stage, "init", "--hub", "--dir=hub", "--host=127.0.0.1", `--nats=${address}`);
  for (const [host, flags] of Object.entries(HOSTS)) {
    await make(stage, "host", "add", host, ...flags, "--dir=hub");
    await make(stage, "join", `${host}.join`, `--dir=${host}`);
  }

  say("2. nats-server, the hub, and the daemons of the hosts, which connect to nats-server.");
  await using running = new AsyncDisposableStack();
  const start = async (name: string, ...permissions: readonly string[]): Promise<FleetDaemon> => {
    stage.interrupted.throwIfAborted();
    const daemon = new FleetDaemon(stage, name, permissions);
    await daemon.start();
    return running.use(daemon);
  };
  show(["nats-server", "--config", "nats.conf"]);
  running.use(await TestNatsServer.start(nats));
  const hub = await start("hub", `--allow-net=${address}`);
  stage.address = hub.address;
  stage.home = `${stage.directory}/hub`;
  const one = await start("web-1");
  const other = await start("web-2");
  await start("db-1");
  running.defer(() => say("9. SIGTERM to all of them: nothing is left running."));
  for (const host of Object.keys(HOSTS)) await hub.says(new RegExp(`.*Host ${host} is online`));

  say("3. One address for all of them. A job goes where `--on` says, or where there is most room.");
  await stage.run("hosts");
  await stage.run("run", "--on", "db-1", "--", "echo", "this ran on db-1");
  await stage.run("run", "--on", "role=web,zone=eu", "--", "echo", "this ran on web-1");
  await stage.run("run", "--", "echo", "this ran anywhere");
  await stage.run("list", "all");

  say("4. A command on all hosts at once: each job is one of its own.");
  await stage.run("run", "--all", "--", "uname", "-s");

  say(
    "5. A host runs as many jobs as it has slots, and `db-1` has one. The next one waits for it.",
  );
  const first = await stage.start("--on", "db-1", "--", "sleep", "1000");
  const next = await stage.start("--on", "db-1", "--priority=5", "--", "echo", "its turn has come");
  await stage.run("list", "queued");
  await stage.run("status", next);
  await stage.run("stop", first);
  await stage.run("wait", next);
  await stage.run("output", next);

  say("6. A follower, while the agent of the host dies, which connects it with NATS.");
  const counting = await stage.start("--on", "web-1", "--", "sh", "-c", COUNT);
  await followPastDeath(stage, counting, one);

  say("7. A host is lost. Its jobs are shown as last heard, and others go elsewhere.");
  const sleeping = await stage.start("--on", "web-2", "--", "sleep", "1000");
  await other.kill();
  await hub.says(/.*Host "web-2" is offline.*/);
  await stage.run("hosts");
  await stage.run("status", sleeping);
  await stage.runRefused("run", "--on", "web-2", "--queue=false", "--", "true");
  await stage.run("run", "--on", "role=web", "--", "echo", "this ran on web-1");

  say("8. It comes back. What it ran has gone on all the time.");
  await other.start();
  await hub.says(/is offline[^]*^(.*Host web-2 is online)/m);
  await stage.run("list", "running");
  await stage.run("stop", sleeping);
});
