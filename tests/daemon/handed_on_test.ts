import { assert } from "../assert.ts";
import { flagOf, OPTION_NAMES } from "../config/option_samples.ts";
import { ROOT } from "../programs.ts";
import { rootTest } from "../root.ts";
import { temporaryDirectory } from "../worker/fixture.ts";

const MiB = 1024 * 1024;

/** In place of `--job-user`, beside which they cannot be. */
const JOB_USER_MAP = "--job-user-map=the-map";
const JOB_UIDS = "--job-uids=2000000000-2000000009";
/** What makes a hub of a daemon, and what only a hub has, has no effect on an engine. */
const HUB = ["--hub", "--registry=postgres://hub@db.example/fleet", "--registry-password=the-file"];

/** All other options of a daemon, each with a value of its own, and none with its default. */
const OPTIONS = [
  "--address=127.0.0.1:1111",
  "--cert=the-cert",
  "--key=the-key",
  "--ca=the-ca",
  "--deny-list=the-deny-list",
  "--rest-address=127.0.0.2:2222",
  "--users=the-users",
  "--public-origins=https://one.example,https://two.example",
  "--metrics-address=3333",
  "--data-dir=the-data",
  "--shutdown-grace=11s",
  "--log-limit=3MiB",
  "--log-policy=end-job",
  "--max-log-limit=5MiB",
  "--retain-age=13s",
  "--retain-count=17",
  "--retain-bytes=19MiB",
  "--audit-limit=21MiB",
  "--audit-age=22s",
  "--audit-keep=26",
  "--audit-mask=*pin,tan",
  "--job-user=nobody",
  "--allow-users=daemon,bin",
  "--job-homes=/the-homes",
  "--timeout=23s",
  "--max-timeout=29s",
  "--max-running=31",
  "--max-running-per-user=37",
  "--max-queued=41",
  "--max-queued-per-user=43",
  "--cgroups=false",
  "--new-privileges=true",
  "--gateways=41",
  // Its own.
  `--gateway-user=${Deno.uid() === 0 ? "root" : "nobody"}`,
  "--fleet=the-host.json",
  "--fleet-roles=viewer",
  "--notify-allow=hooks.example:44",
  "--notify=https://ops.example/a",
  "--notify-filter=owner=bob",
  "--notify-ca=the-hooks-ca",
  "--debug",
];

Deno.test("Every option is handed on in the test of that", () => {
  const names = [...OPTIONS, JOB_USER_MAP, JOB_UIDS, ...HUB].map((option) =>
    option.replace(/=.*/, "").slice(2)
  );
  assert.deepEqual(names.sort(), OPTION_NAMES.map(flagOf).sort());
});

/** What an engine of these options hands on, see `handed_on.ts`; a shell has prepared its process. */
async function handedOn(
  directory: string,
  prepare: string,
  { options = OPTIONS, alive = 1 }: { options?: readonly string[]; alive?: number } = {},
) {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: [
      "-c",
      `${prepare}\nexec "$@"`,
      "sh",
      Deno.execPath(),
      "run",
      `--config=${ROOT}deno.json`,
      "--frozen",
      "--no-check",
      "--unstable-net",
      "--allow-all",
      `${ROOT}tests/daemon/handed_on.ts`,
      ...options,
    ],
    cwd: directory,
    env: { NO_COLOR: "1", ALIVE: `${alive}` },
    stdin: "null",
  }).output();
  const [said = "", diagnosed = ""] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  assert.equal(code, 0, diagnosed);
  return { told: JSON.parse(said), diagnosed };
}

const JOURNAL = "export JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2)";

Deno.test("runEngine() hands every option on to the part that it is for", async () => {
  await using directory = await temporaryDirectory();
  const path = await Deno.realPath(directory.path);
  const prepare = `ulimit -n 1000\n${JOURNAL}\nexport LISTEN_PID=$$ LISTEN_FDS=2`;
  const { told, diagnosed } = await handedOn(path, prepare);
  assert.deepEqual(told.executors, {
    dataDirectory: `${path}/the-data`,
    setsid: "/usr/bin/setsid",
    keepsJobs: true,
    settings: { home: path, cgroups: false, newPrivileges: true, jobUids: null },
  });
  assert.deepEqual(told.worker, {
    dataDirectory: `${path}/the-data`,
    logLimit: { bytes: 3 * MiB, policy: "end_job" },
    maxLogLimit: 5 * MiB,
    jobUser: "nobody",
    allowUsers: ["daemon", "bin"],
    timeoutMs: 23_000,
    maxTimeoutMs: 29_000,
    maxRunning: 31,
    maxRunningPerUser: 37,
    maxQueued: 41,
    maxQueuedPerUser: 43,
    notifyAllow: ["hooks.example:44"],
  });
  assert.deepEqual(told.audit, {
    limitBytes: 21 * MiB,
    maxAgeMs: 22_000,
    keep: 26,
    masks: ["*pin", "tan"],
  });
  const retention = { maxAgeMs: 13_000, maxCount: 17, maxBytes: 19 * MiB };
  assert.deepEqual(told.prunes, [{ retention }, { retention }]);
  assert.deepEqual(told.shutdown, { gracePeriodMs: 11_000 });
  const socket = `${path}/the-data/engine.sock`;
  assert.deepEqual(told.server, { path: socket, uid: null, maxCalls: 250 });
  assert.deepEqual(told.keeper, { count: 41, setsid: "/usr/bin/setsid", rights: null });
  assert.deepEqual(told.files, {
    cert: `${path}/the-cert`,
    key: `${path}/the-key`,
    ca: `${path}/the-ca`,
    denyList: `${path}/the-deny-list`,
    restAddress: { hostname: "127.0.0.2", port: 2222 },
    users: `${path}/the-users`,
  });
  assert.deepEqual(told.gateway, {
    // A quarter.
    maxCalls: 250,
    maxConnections: 316,
    maxConnectionsPerAddress: 158,
    address: { hostname: "127.0.0.1", port: 1111 },
    restAddress: { hostname: "127.0.0.2", port: 2222 },
    inherited: { grpc: 3, rest: 4 },
    publicOrigins: ["https://one.example", "https://two.example"],
    socket,
    debug: true,
    journal: true,
  });
  assert.deepEqual(told.fleet, {
    fleet: "the-host.json",
    fleetRoles: ["viewer"],
    ca: "the-ca",
    denyList: "the-deny-list",
    debug: true,
    dataDirectory: `${path}/the-data`,
    setsid: "/usr/bin/setsid",
    rights: null,
    journal: true,
  });
  assert.deepEqual(told.exporter, {
    setsid: "/usr/bin/setsid",
    rights: null,
    exporter: {
      address: { hostname: "127.0.0.1", port: 3333 },
      by: "host",
      debug: true,
      journal: true,
    },
    measured: ["JobEngine", "GatewayKeeper", "FleetHost", "Notifier"],
  });
  assert.deepEqual(told.notifier, {
    notify: ["https://ops.example/a"],
    notifyAllow: ["hooks.example:44"],
    notifyCa: "the-hooks-ca",
    debug: true,
    dataDirectory: `${path}/the-data`,
    setsid: "/usr/bin/setsid",
    rights: null,
    journal: true,
  });
  assert.deepEqual(told.read.sort(), [...OPTION_NAMES].sort());
  assert.deepEqual(told.sockets.sort(), ["engine.sock", "executor.0.sock"]);
  assert.equal(told.isTrailAnew, true);
  assert.notEqual(told.refusal, "");
  const { user, peer, unreported } = JSON.parse(told.refusal);
  assert.deepEqual([user, peer, unreported], ["mallory", "192.0.2.1:4711", 7]);

  const status = "listening on 192.0.2.2:1, serving REST at https://192.0.2.3:2, " +
    "serving metrics at http://192.0.2.4:3/metrics";
  assert.equal(
    told.printed,
    status.split(", ").map((line) => `worker-daemon ${line}\n`).join(""),
  );
  assert.deepEqual(told.notices, [
    `READY=1\nSTATUS=${status}`,
    "RELOADING=1\nSTATUS=Reading certificates and users",
    `READY=1\nSTATUS=${status}`,
    "RELOADING=1\nSTATUS=Reading certificates and users",
    "STOPPING=1\nSTATUS=Ending the jobs",
  ]);
  assert.deepEqual([told.reloads, told.code], [2, 0]);
  const lines = diagnosed.split("\n").filter((line) => /^<\d>/.test(line));
  const [again = "", facts = "", lost = "", socketLine = "", end = ""] = lines;
  assert.equal(again, "<3>Cannot start: Not now; trying again");
  assert.ok(
    facts.endsWith(
      " starts: gRPC on 127.0.0.1:1111, REST on 127.0.0.2:2222, jobs held by process groups, " +
        "logs of 3MiB (end-job), 1000 descriptors for 316 connections, 250 calls and 31 jobs",
    ),
    facts,
  );
  assert.equal(lost, "<4>1001 jobs were running when the daemon died: recorded as lost");
  assert.match(socketLine, /^<4>The socket \S+ was removed or replaced: made again$/);
  assert.equal(end, "<6>Shutting down: The end");
});

rootTest(
  "runEngine() hands on which ids jobs get, and lets no more run than there are",
  async () => {
    await using directory = await temporaryDirectory();
    await Deno.chmod(directory.path, 0o711);
    const homes = `${directory.path}/homes`;
    const options = [JOB_UIDS, `--job-homes=${homes}`, "--rest-address=off", "--data-dir=d"];
    const { told } = await handedOn(directory.path, "ulimit -n 1000", { options, alive: 0 });
    const jobUids = { first: 2_000_000_000, last: 2_000_000_009, homes };
    assert.deepEqual(told.executors.settings.jobUids, jobUids);
    assert.deepEqual([told.worker.maxRunning, told.worker.maxRunningPerUser], [10, 5]);
  },
);

/** Only root may have more descriptors than it was given. */
const LIMITS = [[60, 8, 15], ...Deno.uid() === 0 ? [[100_000, 4096, 4096]] : []] as const;

for (const [descriptors, connections, calls] of LIMITS) {
  Deno.test(`runEngine() takes ${connections} connections and ${calls} calls with ${descriptors} descriptors`, async () => {
    await using directory = await temporaryDirectory();
    await Deno.writeTextFile(`${directory.path}/the-map`, "* nobody\n", { mode: 0o600 });
    const options = [JOB_USER_MAP, "--rest-address=off", "--data-dir=d"];
    const prepare = `ulimit -n ${descriptors}`;
    const { told, diagnosed } = await handedOn(directory.path, prepare, { options, alive: 0 });
    const { gateway, files, server, code } = told;
    assert.equal(gateway.maxConnections, connections);
    assert.equal(gateway.maxConnectionsPerAddress, connections / 2);
    assert.equal(server.maxCalls, calls);
    const { restAddress, debug, journal, inherited, publicOrigins } = gateway;
    assert.deepEqual([files.denyList, restAddress, debug, journal], ["", null, false, false]);
    assert.deepEqual([inherited, publicOrigins], [{ grpc: null, rest: null }, []]);
    assert.match(diagnosed, /, no REST, /);
    assert.equal(code, 1, "There is no gateway at the end");
  });
}
