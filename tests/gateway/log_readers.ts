/**
 * Reads one log by many connections at once, over and over, as fast as the daemon sends it: a process of its own,
 * which throws away what it gets, so that it is the daemon that is busy.
 *
 * Arguments: address, CA, certificate, key, job id, number of connections, method, lines of `tail` or 0. It prints
 * `connected` once all are, `reading` once each has got something, and goes on until it is killed.
 *
 * @module
 */

import "../../lib/grpc/http2_guard.ts";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { codecOf } from "../../lib/grpc/codecs.ts";
import { JOB_WORKER } from "../../lib/grpc/protocol.ts";

const [
  address = "",
  ca = "",
  cert = "",
  key = "",
  jobId = "",
  count = "",
  method = "",
  lines = "",
] = Deno.args;

const WINDOW_BYTES = 8 * 1024 * 1024;

const tls = {
  ca: await Deno.readTextFile(ca),
  cert: await Deno.readTextFile(cert),
  key: await Deno.readTextFile(key),
  ALPNProtocols: ["h2"],
  checkServerIdentity: () => undefined,
};

/** The request, with the prefix that gRPC puts in front of a message. */
function requestBytes(): Uint8Array {
  const message = method === "GetLogs"
    ? JOB_WORKER.GetLogs.requestSerialize(
      codecOf("getLogs").writeRequest({ jobId, streams: [], offset: 0, maxBytes: 0 }),
    )
    : JOB_WORKER.StreamLogs.requestSerialize(
      codecOf("streamLogs").writeRequest({
        jobId,
        streams: [],
        follow: false,
        start: lines === "0"
          ? { kind: "offset", offset: 0 }
          : { kind: "tail", lines: Number(lines) },
      }),
    );
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

async function say(word: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`${word}\n`));
}

/** Asks for the log, and again when it has come. */
function read(session: ClientHttp2Session, begin: () => void): void {
  const stream = session.request({
    ":method": "POST",
    ":path": `/jobworker.v1.JobWorker/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("data", begin);
  stream.on("error", () => {});
  stream.on("close", () => read(session, begin));
  stream.end(requestBytes());
}

/** Resolves when it is connected, and then when the first bytes have come. */
async function readOver(): Promise<{ begun: Promise<void> }> {
  const session = connect(`https://${address}`, {
    ...tls,
    settings: { initialWindowSize: WINDOW_BYTES },
  });
  await once(session, "connect");
  session.setLocalWindowSize(WINDOW_BYTES);
  const { promise, resolve } = Promise.withResolvers<void>();
  read(session, resolve);
  return { begun: promise };
}

const readers = await Promise.all(Array.from({ length: Number(count) }, readOver));
await say("connected");
await Promise.all(readers.map(({ begun }) => begun));
await say("reading");
