/**
 * A program of Deno that runs jobs for clients and promises nothing: what a daemon can do at best by grpc-js. It is
 * one process, starts each job by setsid(1), and keeps all output in memory. It has no users, rules or limits, writes
 * nothing down, and knows the two methods of the contract that the bench needs.
 *
 * Arguments: certificate, key, CA of the clients.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { WakeUp } from "../lib/async/wake_up.ts";
import type { JobWorkerMethods } from "../lib/grpc/gen/jobworker.ts";
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
} from "../lib/grpc/grpc.ts";
import { FLOW_CONTROL_WINDOW_BYTES, JOB_WORKER } from "../lib/grpc/protocol.ts";
import { write } from "../lib/grpc/stream_handler.ts";
import { print } from "./report.ts";

type Methods = JobWorkerMethods;

/** As much as a message of the daemon holds. */
const MESSAGE_BYTES = 256 * 1024;

/** As much as a pipe holds, see pipe(7). */
const PIPE_BYTES = 64 * 1024;

interface BareJob {
  readonly jobId: string;
  readonly pieces: Uint8Array[];
  readonly changed: WakeUp;
  /** `null` while it runs. */
  code: number | null;
}

const jobs = new Map<string, BareJob>();

function start(
  { name, args }: { readonly name: string; readonly args: readonly string[] },
): BareJob {
  const child = new Deno.Command("setsid", {
    args: [name, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const job: BareJob = {
    jobId: crypto.randomUUID(),
    pieces: [],
    changed: new WakeUp(),
    code: null,
  };
  jobs.set(job.jobId, job);
  void follow(job, child);
  return job;
}

async function follow(job: BareJob, { status, stdout, stderr }: Deno.ChildProcess): Promise<void> {
  const discarded = stderr.cancel();
  const reader = stdout.getReader({ mode: "byob" });
  for (;;) {
    const { value, done } = await reader.read(new Uint8Array(PIPE_BYTES));
    if (done || value === undefined) break;
    job.pieces.push(value);
    job.changed.notify();
  }
  await discarded;
  job.code = (await status).code;
  job.changed.notify();
}

/** The messages of its log, to its end. */
async function* messages(job: BareJob): AsyncGenerator<object, void, undefined> {
  let nextOffset = 0;
  for (let at = 0;;) {
    const changed = job.changed.next();
    const hasEnded = job.code !== null;
    while (at < job.pieces.length) {
      const records: object[] = [];
      for (let bytes = 0; at < job.pieces.length && bytes < MESSAGE_BYTES;) {
        const data = job.pieces[at++] ?? new Uint8Array();
        records.push({ offset: nextOffset, stream: "LOG_STREAM_STDOUT", data, time: {} });
        bytes += data.byteLength;
        nextOffset += data.byteLength;
      }
      yield { records, nextOffset };
    }
    if (hasEnded) break;
    await changed;
  }
  yield { nextOffset, finishedJob: messageOf(job) };
}

function messageOf({ jobId, code }: BareJob): object {
  return { jobId, status: code === null ? "JOB_STATUS_RUNNING" : "JOB_STATUS_DONE" };
}

const startJob: handleUnaryCall<Methods["StartJob"]["request"], object> = (
  { request: { command } },
  callback,
) => {
  if (command !== null) callback(null, messageOf(start(command)));
};

const streamLogs: handleServerStreamingCall<Methods["StreamLogs"]["request"], object> = async (
  call,
) => {
  const left = new AbortController();
  call.on("cancelled", () => left.abort());
  const job = jobs.get(call.request.jobId);
  try {
    if (job !== undefined) {
      for await (const message of messages(job)) await write(call, message, left.signal);
    }
  } catch {
    // Whoever has the bytes that they wanted leaves.
  }
  call.end();
};

const [cert, key, ca] = await Promise.all(
  Deno.args.map(async (path) => Buffer.from(await Deno.readFile(path))),
);
if (cert === undefined || key === undefined) throw new TypeError("Which certificate and key?");
const server = new Server({
  "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW_BYTES,
  "grpc.enable_channelz": 0,
});
const { StartJob, StreamLogs } = JOB_WORKER;
server.addService({ StartJob, StreamLogs }, { StartJob: startJob, StreamLogs: streamLogs });
const credentials = ServerCredentials.createSsl(
  ca ?? null,
  [{ cert_chain: cert, private_key: key }],
  true,
);
server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
  if (error !== null) throw error;
  print(`listening on 127.0.0.1:${port}`);
});
