/**
 * A program of Deno that runs jobs for clients and promises nothing: what a daemon can do at best by grpc-js. It
 * starts each job by setsid(1). It has no users, rules or limits, and knows the two methods of the contract that the
 * bench needs.
 *
 * Arguments: how it works, certificate, key, CA of the clients, and a directory unless it only remembers. It works in
 * one of these ways:
 * - `remember`: it writes nothing down, and keeps all output in memory.
 * - `record`: it answers as late as a daemon may, see {@linkcode BareDisk}, and output goes to files, from which it is
 *   read for clients, see {@linkcode BareFiles}.
 * - `apart`: that, in three processes as a daemon has them, so that what listens on the network neither runs programs
 *   nor writes, and what records neither listens on the network nor holds jobs. What runs them writes their logs, and
 *   tells no more than that these grow. Jobs have the usual limit of open files.
 * - `careful`: that, and what runs them asks of each what a daemon must know, see {@linkcode BareQuestions}, and a job
 *   is recorded before it has a process, too.
 * - `careful_user`, `careful_cgroup`, `careful_user_cgroup`: that, and jobs are of another user, in cgroups, or both,
 *   see {@linkcode BarePlace}.
 * - `engine`, `executor`, `careful_engine`, `careful_executor` and so on: the other two of these.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { JobWorkerMethods } from "../lib/grpc/gen/jobworker.ts";
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
} from "../lib/grpc/grpc.ts";
import { MessagePieces } from "../lib/grpc/message_pieces.ts";
import { FLOW_CONTROL_WINDOW_BYTES, JOB_WORKER } from "../lib/grpc/protocol.ts";
import { write } from "../lib/grpc/stream_handler.ts";
import { packedHeader } from "../lib/job/packed_records.ts";
import { BareDisk } from "./bare_disk.ts";
import { BareFiles } from "./bare_files.ts";
import { answerMessages, answerRun, BareHop, serveCalls } from "./bare_hop.ts";
import { BareJobs, type BareService } from "./bare_jobs.ts";
import { BareMemory } from "./bare_memory.ts";
import { BarePlace } from "./bare_place.ts";
import { BareQuestions } from "./bare_questions.ts";
import { runHere } from "./bare_run.ts";
import { print } from "./report.ts";

type Methods = JobWorkerMethods;

const { StartJob, StreamLogs } = JOB_WORKER;

/** The inputs of the other processes: they end when these do. */
const inputs: WritableStream[] = [];

const [way = "", ...args] = Deno.args;
const [certPath = "", keyPath = "", caPath = "", directory = ""] = args;

const isCareful = way.startsWith("careful");

if (way.endsWith("executor")) {
  const logs = new BareFiles(directory);
  const [asNobody, cgroups] = [way.includes("_user"), way.includes("_cgroup")];
  const questions = isCareful ? await BareQuestions.open({ cgroups }) : null;
  const place = await BarePlace.open({ asNobody, cgroups });
  await haveUsualFiles();
  serveCalls(socketOf("executor"), async (call, connection) => {
    if (!("run" in call)) return;
    const log = logs.write(call.jobId);
    await answerRun(runHere(call.run, log, { questions, place }), connection);
  });
  await endWithParent();
} else if (way.endsWith("engine")) {
  const executor = await BareHop.connect(socketOf("executor"));
  const jobs = new BareJobs(
    (jobId, command) => executor.run(jobId, command),
    new BareFiles(directory),
    new BareDisk(directory),
    { isCareful },
  );
  serveCalls(socketOf("engine"), async (call, connection) => {
    if ("start" in call) await connection.send({ jobId: await jobs.start(call.start) });
    if ("messages" in call) await answerMessages(jobs.messages(call.messages), connection);
  });
  await endWithParent();
} else if (way === "apart" || isCareful) {
  for (const role of ["executor", "engine"]) startRole(isCareful ? `${way}_${role}` : role);
  await serve(await BareHop.connect(socketOf("engine")));
} else {
  const [logs, disk] = way === "record"
    ? [new BareFiles(directory), new BareDisk(directory)]
    : [new BareMemory(), null];
  await serve(
    new BareJobs((jobId, command) => runHere(command, logs.write(jobId)), logs, disk),
  );
}

/** Has this process, and what it starts, the usual limit of open files: Deno raises it. */
async function haveUsualFiles(): Promise<void> {
  const args = ["--pid", `${Deno.pid}`, "--nofile=1024:"];
  await new Deno.Command("prlimit", { args }).output();
}

function socketOf(role: "engine" | "executor"): string {
  return `${directory}/${role}.sock`;
}

/** Starts another process of this program. It ends when we do. */
function startRole(role: string): void {
  const line = ["run", "--no-config", "--allow-all", import.meta.filename ?? "", role, ...args];
  const { stdin } = new Deno.Command(Deno.execPath(), { args: line, stdin: "piped" }).spawn();
  inputs.push(stdin);
}

/** Ends this process once the one that has started it is gone, which closes our input. */
async function endWithParent(): Promise<void> {
  await Deno.stdin.readable.pipeTo(new WritableStream());
  Deno.exit();
}

/** Serves the two methods by gRPC. */
async function serve(jobs: BareService): Promise<void> {
  const startJob: handleUnaryCall<Methods["StartJob"]["request"], object> = (
    { request: { command } },
    callback,
  ) => {
    if (command === null) return;
    const started = (jobId: string) => callback(null, { jobId, status: "JOB_STATUS_RUNNING" });
    void jobs.start(command).then(started, callback);
  };
  const streamLogs: handleServerStreamingCall<Methods["StreamLogs"]["request"], object> = async (
    call,
  ) => {
    const left = new AbortController();
    call.on("cancelled", () => left.abort());
    const { jobId } = call.request;
    let nextOffset = 0;
    try {
      for await (const { pieces, hasEnded } of jobs.messages(jobId)) {
        const records = pieces.flatMap((data) => {
          const record = { offset: nextOffset, time: 0, stream: "stdout" } as const;
          nextOffset += data.byteLength;
          return [packedHeader(record, data.byteLength).slice(), data];
        });
        const finishedJob = hasEnded ? { jobId, status: "JOB_STATUS_DONE" } : null;
        const rest = StreamLogs.responseSerialize({ nextOffset, finishedJob } as never);
        await write(call, new MessagePieces([...records, rest]), left.signal);
      }
    } catch {
      // Whoever has the bytes that they wanted leaves.
    }
    call.end();
  };
  const server = new Server({
    "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW_BYTES,
    "grpc.enable_channelz": 0,
  });
  // Its messages are bytes already.
  const streamPacked = { ...StreamLogs, responseSerialize: (message: object) => message as Buffer };
  server.addService({ StartJob, StreamLogs: streamPacked }, {
    StartJob: startJob,
    StreamLogs: streamLogs,
  });
  const [cert, key, ca] = await Promise.all(
    [certPath, keyPath, caPath].map(async (path) => Buffer.from(await Deno.readFile(path))),
  );
  if (cert === undefined || key === undefined) throw new TypeError("Which certificate and key?");
  const credentials = ServerCredentials.createSsl(
    ca ?? null,
    [{ cert_chain: cert, private_key: key }],
    true,
  );
  server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
    if (error !== null) throw error;
    print(`listening on 127.0.0.1:${port}`);
  });
}
