/**
 * Many hosts in one process: each has its keys, its connection to NATS and its agent, and judges and answers calls
 * as a real one does. Only what would run and record jobs is not there.
 *
 * The arguments are a file with what they join with, a JSON array, and how many changes each has told already.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import type { NatsConnection } from "@nats-io/nats-core";
import { serveHost } from "../../lib/fleet/agent.ts";
import type { DoorAnswer } from "../../lib/fleet/door_socket.ts";
import { HostDoor } from "../../lib/fleet/host_door.ts";
import type { JoinFile } from "../../lib/fleet/join_file.ts";
import { connectNats } from "../../lib/fleet/nats_connection.ts";
import { loadSealKeys } from "../../lib/fleet/seal.ts";
import { loadSigningKey } from "../../lib/fleet/signing.ts";
import { hostInbox } from "../../lib/fleet/subjects.ts";
import { rate } from "../measure.ts";
import { print } from "../report.ts";
import { BARE, bareAnswer } from "./bare_bus.ts";
import { simulatedService } from "./simulated_service.ts";

/** How many connect at a time: nats-server gives each handshake two seconds. */
const CONNECT_AT_A_TIME = 16;

const [path = "", told = ""] = Deno.args;
const ending = new AbortController();
const { signal } = ending;
Deno.addSignalListener("SIGTERM", () => ending.abort(new Error("The hosts end")));

/** Whoever has started this reads its standard output only until the hosts are there. */
function tell(host: string, fault: unknown): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${host}: ${fault}\n`));
}

async function join({ host, nats, tls, ca }: JoinFile): Promise<NatsConnection> {
  return await connectNats({
    ...{ servers: nats, tls: { ...tls, ca }, name: host, inboxPrefix: hostInbox(host), signal },
    onFault: (why) => tell(host, why),
  });
}

async function serve(connection: NatsConnection, file: JoinFile): Promise<void> {
  const { fleet, host, ca, sign, sealKey } = file;
  const onFault = (error: unknown) => tell(host, error);
  const trust = { trustedCas: [new X509Certificate(ca)], denyList: new Set<never>() };
  await using door = new HostDoor(simulatedService(Number(told)), {
    ...{ fleet, host, onFault },
    signingKey: loadSigningKey(sign),
    sealKeys: loadSealKeys(sealKey),
    trust: () => trust,
  });
  const agent = {
    ended: new Promise<void>(() => {}),
    async call(method: string, bytes: Uint8Array<ArrayBuffer>, left: AbortSignal) {
      const answer = method === BARE ? bareAnswer(bytes) : await door.answer(method, bytes, left);
      return { kind: "answer", bytes: answer } satisfies DoorAnswer;
    },
  };
  await serveHost(connection, agent, { host, signal, onConnected: () => {}, onFault });
}

const files = JSON.parse(await Deno.readTextFile(path)) as readonly JoinFile[];
const left = files.values();
const serving: Promise<void>[] = [];
await rate(files.length, CONNECT_AT_A_TIME, async () => {
  const { value } = left.next();
  if (value !== undefined) serving.push(serve(await join(value), value));
});
print(`${files.length} simulated hosts are listening on NATS`);
await Promise.all(serving);
Deno.exit();
