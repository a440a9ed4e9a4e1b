/**
 * A program that runs the engine with its arguments as options, and prints what that has handed on:
 * to the executors, to the worker, to the server for the gateways, and to those who keep the gateways, which it does not
 * start. It is told to reload twice, and to end before the second time is over.
 *
 * @module
 */

import { dirname } from "node:path";
import { makeCertificates } from "../../lib/auth/certificates.ts";
import { runEngine } from "../../lib/daemon/engine.ts";
import { ExporterKeeper } from "../../lib/daemon/exporter_keeper.ts";
import { ExecutorKeeper } from "../../lib/daemon/executor_keeper.ts";
import { FleetHost } from "../../lib/daemon/fleet_host.ts";
import { GatewayKeeper, type GatewayKeeperOptions } from "../../lib/daemon/gateway_keeper.ts";
import { Notifier } from "../../lib/daemon/notifier.ts";
import { parseOptions } from "../../lib/config/parse_options.ts";
import { EngineServer } from "../../lib/engine/server.ts";
import { JobWorkerError } from "../../lib/errors.ts";
import { MAX_PAGE_JOBS } from "../../lib/job/page_limit.ts";
import { AuditLog } from "../../lib/service/audit_log.ts";
import { SqliteStore } from "../../lib/store/sqlite_store.ts";
import { Worker } from "../../lib/worker/mod.ts";
import { assert } from "../assert.ts";
import { FakeTimers } from "../recovery/fake_timers.ts";
import { job } from "../executor/job_fixture.ts";
import { until } from "../worker/fixture.ts";

const invocation = parseOptions(Deno.args, () => undefined);
assert.ok(invocation.kind === "run");
/** The options that somebody has asked for: one that nobody asks for has no effect. */
const read = new Set<string>();
const options = new Proxy(invocation.options, {
  get: (target, name, receiver) => {
    read.add(String(name));
    return Reflect.get(target, name, receiver);
  },
});
// It is set here rather than from outside, since Deno has its cache in the real home.
const realHome = Deno.env.get("HOME") ?? "";
Deno.env.set("HOME", Deno.cwd());
const told: Record<string, unknown> = {};
const supervisor = `${Deno.cwd()}/supervisor.sock`;
const environment = (name: string) => name === "NOTIFY_SOCKET" ? supervisor : Deno.env.get(name);

await makeCertificates("made");
const { cert, key, ca, denyList } = invocation.options;
for (const [from, to] of [["server-cert", cert], ["server-key", key], ["ca-cert", ca]] as const) {
  await Deno.mkdir(dirname(to), { recursive: true });
  await Deno.copyFile(`made/${from}.pem`, to);
}
if (denyList !== "") await Deno.writeTextFile(denyList, "");

await Deno.mkdir(options.dataDir, { mode: 0o700 });
// A daemon that was killed has left this behind.
await Deno.writeTextFile(`${options.dataDir}/notify.sock`, "");
{
  await using store = await SqliteStore.open(`${options.dataDir}/jobs.db`);
  // These are more than are reported at a time.
  await Promise.all(
    Array.from(
      { length: MAX_PAGE_JOBS + 1 },
      (_, index) => store.put(job({ jobId: `01890a5d-ac96-774b-bcce-b302099a${8000 + index}` })),
    ),
  );
}

const notices: string[] = [];
const notified = Deno.listenDatagram({ transport: "unixpacket", path: supervisor });
const listening = (async () => {
  for await (const [notice] of notified) notices.push(new TextDecoder().decode(notice));
})();

const originalSetInterval = setInterval;
const originalClearInterval = clearInterval;
let pauses: ReturnType<typeof setInterval> | undefined;
const { open: openKeeper } = ExecutorKeeper;
ExecutorKeeper.open = (given) => {
  const { onFault: _onFault, onShellEnded: _onShellEnded, ...values } = given;
  told.executors = values;
  Deno.env.set("HOME", realHome);
  originalClearInterval(pauses);
  return openKeeper.call(ExecutorKeeper, given);
};
const { open: openAudit } = AuditLog;
AuditLog.open = (path, onFault, bounds) => {
  told.audit = bounds;
  return openAudit.call(AuditLog, path, onFault, bounds);
};
const { open } = Worker;
let jobEnded = () => {};
let opened = 0;
Worker.open = async (given) => {
  const { store: _store, executor, ...values } = given;
  if (++opened === 1) {
    // A supervised daemon retries whatever may pass.
    pauses = originalSetInterval(() => timers.pass(1_000), 10);
    await executor?.[Symbol.asyncDispose]();
    throw new JobWorkerError("unavailable", "Not now");
  }
  told.worker = values;
  jobEnded = () => given.onEnded?.(job({ jobId: "01890a5d-ac96-774b-bcce-b302099a8059" }));
  return open.call(Worker, given);
};
const prunes: unknown[] = [];
Worker.prototype.prune = (given) => {
  prunes.push(given);
  return Promise.resolve({ jobs: [], count: 0, bytes: 0 });
};
const { shutdown } = Worker.prototype;
Worker.prototype.shutdown = function (given) {
  told.shutdown ??= given;
  return shutdown.call(this, given);
};
const { listen } = EngineServer;
EngineServer.listen = (service, given) => {
  const { onFault: _onFault, ...values } = given;
  told.server = values;
  return listen.call(EngineServer, service, given);
};

let reloads = 0;
const secondReload = Promise.withResolvers<void>();
GatewayKeeper.start = async (
  { count, setsid, rights, gateway, files, ...given }: GatewayKeeperOptions,
) => {
  told.keeper = { count, setsid, rights };
  told.files = files;
  told.gateway = gateway;
  // It is called while there is no engine yet, and answers once there is one.
  await given.restoreSocket();
  timers.pass(10_000);
  // A prune has begun, and the next is due in an hour, or soon after the end of a job.
  await Promise.resolve();
  jobEnded();
  timers.pass(10_000);
  timers[Symbol.dispose]();
  await until(() => Promise.resolve(prunes.length === 2));
  told.prunes = prunes;
  given.onRefused({
    method: "login",
    peer: "192.0.2.1:4711",
    user: "mallory",
    fingerprint: "",
    why: "Unknown user or wrong password",
    unreported: 7,
  });
  await Deno.remove(gateway.socket);
  await given.restoreSocket();
  const names = await Array.fromAsync(Deno.readDir(options.dataDir), ({ name }) => name);
  told.sockets = names.filter((name) => name.endsWith(".sock"));
  return Object.create(GatewayKeeper.prototype, {
    addresses: {
      value: {
        address: { hostname: "192.0.2.2", port: 1 },
        restAddress: { hostname: "192.0.2.3", port: 2 },
      },
    },
    alive: { get: () => Number(Deno.env.get("ALIVE")) },
    reload: {
      value: async () => {
        if (++reloads === 2) await secondReload.promise;
      },
    },
    [Symbol.asyncDispose]: { value: () => Promise.resolve() },
  });
};

FleetHost.open = ({ service: _1, changes: _2, onRefused: _3, ...values }) => {
  told.fleet = values;
  return Promise.resolve(
    Object.create(FleetHost.prototype, {
      reload: { value: () => Promise.resolve() },
      [Symbol.asyncDispose]: { value: () => Promise.resolve() },
    }),
  );
};

ExporterKeeper.start = ({ measured, retryOptions: _, ...values }) => {
  told.exporter = { ...values, measured: measured.map((part) => part.constructor.name) };
  return Promise.resolve(
    Object.create(ExporterKeeper.prototype, {
      address: { value: { hostname: "192.0.2.4", port: 3 } },
      [Symbol.asyncDispose]: { value: () => Promise.resolve() },
    }),
  );
};

Notifier.open = ({ store: _, ...values }) => {
  told.notifier = values;
  return Promise.resolve(
    Object.create(Notifier.prototype, {
      [Symbol.asyncDispose]: { value: () => Promise.resolve() },
    }),
  );
};

const timers = new FakeTimers();
const ending = new AbortController();
let reload = () => {};
let printed = "";
const ended = runEngine(options, {
  args: Deno.args,
  environment,
  signal: ending.signal,
  onReload: (given) => reload = given,
  pipes: { input: new ReadableStream(), output: new WritableStream() },
  print: (text) => printed += text,
  printError: () => {},
  askNewPassword: () => Promise.reject(new Error("Nobody is there to be asked")),
});
const trail = `${options.dataDir}/audit.log`;
/** Waits for so many notices, by the real time, whatever passes meanwhile by the timers of this test. */
const noticed = async (count: number) => {
  const deadline = Date.now() + 60_000;
  const arrived = Promise.withResolvers<void>();
  const looking = originalSetInterval(() => {
    if (notices.length >= count) arrived.resolve();
    else if (Date.now() > deadline) arrived.reject(new Error(`No notice ${count} has come`));
  }, 2);
  try {
    await Promise.race([ended, arrived.promise]);
  } finally {
    originalClearInterval(looking);
  }
};
await noticed(1);
await Deno.rename(trail, `${trail}.1`);
reload();
await noticed(3);
// This reload is still under way at the end, and so does not report that all is well.
reload();
await noticed(4);
ending.abort(new Error("The end"));
secondReload.resolve();
const code = await ended;
const [before, after] = await Promise.all(
  [`${trail}.1`, trail].map((path) => Deno.readTextFile(path).catch(() => null)),
);
const isTrailAnew = after !== null;
const refusal = `${before ?? ""}${after ?? ""}`;
// The last notice was sent before the end, and nothing announces that it has come.
await until(() => Promise.resolve(notices.at(-1)?.startsWith("STOPPING") === true)).catch(() => {});
notified.close();
await listening;
const found = JSON.stringify({
  ...told,
  read: [...read],
  refusal,
  isTrailAnew,
  reloads,
  printed,
  notices,
  code,
});
await new Response(found).body?.pipeTo(Deno.stdout.writable);
