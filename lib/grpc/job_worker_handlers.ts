import type { JobService } from "../service/job_service.ts";
import type { UntypedServiceImplementation } from "./grpc.ts";
import type { JobWorkerMethods } from "./gen/jobworker.ts";
import type { ServerCalls } from "./server_call.ts";
import { streamHandler } from "./stream_handler.ts";
import { unaryHandler } from "./unary_handler.ts";
import * as wire from "./wire.ts";

/** One thin handler per method: from the wire to words, to the service, and back to the wire. */
export function jobWorkerHandlers(
  service: JobService,
  calls: ServerCalls,
): UntypedServiceImplementation {
  type Requests = { [Name in keyof JobWorkerMethods]: JobWorkerMethods[Name]["request"] };

  return {
    StartJob: unaryHandler(
      calls,
      async (request: Requests["StartJob"], context) =>
        wire.writeJob(await service.startJob(wire.readStartJobRequest(request), context)),
    ),

    StopJob: unaryHandler(
      calls,
      async (request: Requests["StopJob"], context) =>
        wire.writeJob(await service.stopJob(wire.readStopJobRequest(request), context)),
    ),

    GetJob: unaryHandler(
      calls,
      async (request: Requests["GetJob"], context) =>
        wire.writeJob(await service.getJob(request, context)),
    ),

    ListJobs: unaryHandler(
      calls,
      async (request: Requests["ListJobs"], context) =>
        wire.writeListJobsResponse(
          await service.listJobs(wire.readListJobsRequest(request), context),
        ),
    ),

    WaitJob: unaryHandler(
      calls,
      async (request: Requests["WaitJob"], context) =>
        wire.writeJob(await service.waitJob(request, context)),
      "open_ended",
    ),

    GetOutput: unaryHandler(
      calls,
      async (request: Requests["GetOutput"], context) =>
        wire.writeGetOutputResponse(
          await service.getOutput(wire.readGetOutputRequest(request), context),
        ),
    ),

    StreamLogs: streamHandler(calls, async function* (request: Requests["StreamLogs"], context) {
      const batches = service.streamLogs(wire.readStreamLogsRequest(request), context);
      for await (const batch of batches) yield wire.writeLogBatch(batch);
    }),

    WatchJobs: streamHandler(calls, async function* (request: Requests["WatchJobs"], context) {
      const jobs = service.watchJobs({ filter: wire.readJobFilter(request.filter) }, context);
      for await (const job of jobs) yield { job: wire.writeJob(job) };
    }),

    SignalJob: unaryHandler(
      calls,
      async (request: Requests["SignalJob"], context) =>
        wire.writeJob(await service.signalJob(request, context)),
    ),

    LimitJobTime: unaryHandler(
      calls,
      async (request: Requests["LimitJobTime"], context) =>
        wire.writeJob(await service.limitJobTime(wire.readLimitJobTimeRequest(request), context)),
    ),

    WriteInput: unaryHandler(
      calls,
      (request: Requests["WriteInput"], context) => service.writeInput(request, context),
      "open_ended",
    ),

    PruneJobs: unaryHandler(
      calls,
      async (request: Requests["PruneJobs"], context) =>
        wire.writePruneJobsResponse(
          await service.pruneJobs(wire.readPruneJobsRequest(request), context),
        ),
    ),
  } satisfies Record<keyof JobWorkerMethods, unknown>;
}
