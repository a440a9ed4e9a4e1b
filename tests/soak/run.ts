/**
 * `deno task soak`: clients that misbehave for longer than a test may take, against a real daemon.
 * Prints what the engine and the gateway hold after each of them, and fails if it grows.
 *
 * `--idle=SECONDS` says how long clients idle before they leave, 20 by default; in production they do
 * so after five minutes and more: `--idle=300`.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { assert } from "../assert.ts";
import { TestCertificates } from "../certificates.ts";
import { TestHouse } from "../gateway/fixture.ts";
import { until } from "../worker/fixture.ts";
import { callAndLeave, connectAndLeave, repeat } from "./clients.ts";
import { type Held, heldBy, heldText } from "./figures.ts";
import { Namespace } from "./namespace.ts";

/** How many more descriptors they may hold after a scenario: connections that are kept for the next call. */
const MAX_MORE_DESCRIPTORS = 10;
/** How many more bytes they may hold at the end than after 2,500 connections, which warm them up. */
const MAX_MORE_MEMORY = 80e6;

const CONNECTIONS = 5000;
const READERS = 16;
const LOG_BYTES = 256 * 1024 * 1024;

const { idle } = parseArgs(Deno.args, {
  string: ["idle"],
  default: { idle: "20" },
  unknown: (arg) => assert.fail(`Unknown argument "${arg}": there is --idle`),
});
const idleSeconds = Number(idle);

const encoder = new TextEncoder();
const startedAt = performance.now();
function say(text: string): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
  Deno.stdout.writeSync(encoder.encode(`${seconds} s  ${text}\n`));
}

await using certificates = await TestCertificates.create();
await using namespace = await Namespace.create();
if (namespace !== null) await certifyFor(namespace.address);
await using house = await TestHouse.start(certificates, {
  args: ["--address=0.0.0.0:0"],
  expected: /^$/,
});
const { daemon } = house;
const gateway = await house.gateway();

/** What both hold; the gateway must be the one that was there at the start. */
async function held(): Promise<{ engine: Held; gateway: Held }> {
  assert.equal(await house.gateway(), gateway, "The gateway has died");
  const [engine, network] = await Promise.all([heldBy(daemon.pid), heldBy(gateway)]);
  return { engine, gateway: network };
}

async function report(what: string): Promise<void> {
  const now = await held();
  say(`${what}: engine ${heldText(now.engine)}; gateway ${heldText(now.gateway)}`);
}

/** Waits until both have let go of the descriptors that a scenario has cost. */
async function settled(): Promise<void> {
  for (;;) {
    const { engine, gateway } = await held();
    const more = Math.max(
      engine.descriptors - before.engine.descriptors,
      gateway.descriptors - before.gateway.descriptors,
    );
    if (more <= MAX_MORE_DESCRIPTORS) return;
    assert.ok(performance.now() - startedAt < 30 * 60_000, `${more} descriptors more`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Makes the daemon's certificate good for this address too, before it starts. */
async function certifyFor(address: string): Promise<void> {
  const { cert, key } = await certificates.issue({
    subject: [["CN", "worker-daemon"]],
    usages: ["serverAuth"],
    hosts: ["localhost", "127.0.0.1", "0.0.0.0", address],
  });
  const paths = certificates.paths("server");
  await Deno.writeTextFile(paths.cert, cert);
  await Deno.writeTextFile(paths.key, key);
}

/**
 * Processes of the CLI that follow a job.
 *
 * @param options.wrapper a command that runs another
 * @param options.already how many have followed it before
 */
async function startFollowers(
  jobId: string,
  options: { address?: string; wrapper?: readonly string[]; already?: number } = {},
): Promise<Deno.ChildProcess[]> {
  const { already = 0, address = `127.0.0.1:${daemon.port}`, wrapper = [] } = options;
  const line = ["logs", "all", jobId, "--follow", `--address=${address}`];
  const [program = "", ...args] = [...wrapper, ...daemon.cliLine(line)];
  const children = Array.from(
    { length: READERS },
    () =>
      new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "null" }).spawn(),
  );
  await until(async () => {
    const lines = (await Deno.readTextFile(`${daemon.directory}/data/audit.log`)).split("\n");
    const opened = lines.filter((line) =>
      line.includes('"method":"streamLogs"') && line.includes(jobId) && line.includes('"opened"')
    );
    return opened.length >= already + READERS;
  });
  return children;
}

async function killAll(children: readonly Deno.ChildProcess[]): Promise<void> {
  for (const child of children) {
    child.kill("SIGKILL");
    await child.stdout.cancel();
    await child.status;
  }
}

const client = await house.connect();
// Once for each kind of thing, so that what is loaded for the first time does not count as growth.
await callAndLeave(certificates, daemon.port);
await connectAndLeave(certificates, daemon.port);
await daemon.ran("head -c 1000000 /dev/zero");
const before = await held();
await report("at the start");

const half = CONNECTIONS / 2;
await repeat(half, 8, () => connectAndLeave(certificates, daemon.port));
await report(`after ${half} connections that end without a word`);
const warm = await held();

{
  await repeat(half, 8, () => callAndLeave(certificates, daemon.port));
  await report(`after ${half} that make a call and end with a GOAWAY`);
  await settled();
}

{
  await repeat(50, 50, () => callAndLeave(certificates, daemon.port, idleSeconds * 1000));
  await settled();
  await report(`after 50 that end with a GOAWAY after ${idleSeconds} s without a call`);
}

{
  const jobId = await daemon.sh(`sleep 3; exec head -c ${LOG_BYTES} /dev/zero`);
  const readers = await startFollowers(jobId);
  const { end } = await client.waitJob({ jobId });
  assert.deepEqual(end?.exitStatus, { code: 0 });
  await report(`with ${READERS} that do not read ${LOG_BYTES / 1e6 | 0} MB`);
  await killAll(readers);
  await settled();
  await report("after they have been killed");
}

{
  const jobId = await daemon.sh("sleep 100000");
  const readers = await startFollowers(jobId);
  for (const { pid } of readers) Deno.kill(pid, "SIGSTOP");
  const stoppedAt = performance.now();
  await settled();
  await report(
    `${READERS} that were stopped are given up after ` +
      `${Math.round((performance.now() - stoppedAt) / 1000)} s`,
  );
  await killAll(readers);
  if (namespace === null) say("no rights to make a network namespace: that part is left out");
  else {
    const readers = await startFollowers(jobId, {
      already: READERS,
      address: `${namespace.address}:${daemon.port}`,
      wrapper: ["ip", "netns", "exec", namespace.name],
    });
    await namespace.cut();
    const cutAt = performance.now();
    await settled();
    await report(
      `${READERS} that vanished without a word are given up after ` +
        `${Math.round((performance.now() - cutAt) / 1000)} s`,
    );
    await killAll(readers);
  }
  await client.stopJob({ jobId, stopSignal: "", gracePeriodMs: 0 });
}

const after = await held();
for (const role of ["engine", "gateway"] as const) {
  const memory = after[role].memory - warm[role].memory;
  assert.ok(memory <= MAX_MORE_MEMORY, `The ${role} holds ${memory} bytes more than when warm`);
}
await report("at the end");
