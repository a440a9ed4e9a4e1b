import { Turns } from "../async/turns.ts";
import { BoundedMap } from "../auth/bounded_map.ts";
import type { Identity } from "../auth/identity.ts";
import { JobWorkerError } from "../errors.ts";
import { narrowTo } from "../job/narrow.ts";
import { NO_JOBS } from "../job/status_counts.ts";
import {
  DEFAULT_LOG_LIMIT,
  type Job,
  type JobFilter,
  LOG_STREAMS,
  type LogBatch,
  type LogLimit,
  type LogStream,
  type StartOptions,
  type Worker,
} from "../worker/mod.ts";
import type { Audit, AuditEntry } from "./audit.ts";
import { batchParts } from "./batch_parts.ts";
import { checkHere } from "./check_here.ts";
import type {
  AuditBatch,
  CallContext,
  GetLogsRequest,
  GetLogsResponse,
  JobRequest,
  JobService,
  ListHostsRequest,
  ListHostsResponse,
  ListJobsRequest,
  ListJobsResponse,
  PlaceJobRequest,
  PlacementService,
  PruneJobsRequest,
  PruneJobsResponse,
  RunJobsRequest,
  RunJobsResponse,
  SignalJobRequest,
  StartJobRequest,
  StopJobRequest,
  StopJobsRequest,
  StopJobsResponse,
  StreamAuditRequest,
  StreamLogsRequest,
  UpdateJobRequest,
  WatchJobsRequest,
  WriteInputRequest,
  WriteInputResponse,
} from "./job_service.ts";
import {
  isAuditedWhenLetIn,
  isChange,
  type JobMethod,
  MAX_OUTPUT_BYTES,
  type RequestOf,
} from "./methods.ts";
import { outputPage } from "./output_page.ts";
import { DEFAULT_PAGE_SIZE } from "./fields.ts";
import { checkPlacement, checkRequest, commandOf, webhookOf } from "./requests.ts";
import { redactJob } from "./redact.ts";
import { authorizeCall, entryOf, type ServiceCall } from "./service_call.ts";
import { notAHub, stopEach } from "./many_jobs.ts";

/** For how many jobs the last writer of their input is remembered. */
const MAX_INPUTS = 10_000;

/** Options of {@linkcode WorkerService}. */
export interface WorkerServiceOptions {
  /** For jobs that do not choose their own. */
  readonly logLimit?: LogLimit;
  /**
   * The user of the system that somebody's jobs run as if they choose none; by default that of the worker. Throws
   * for somebody who may have no jobs.
   */
  readonly jobUserOf?: (identity: Identity) => string | undefined;
}

/** The service itself, on top of a worker in this process. */
export class WorkerService implements JobService, PlacementService {
  readonly #worker: Worker;
  readonly #audit: Audit;
  readonly #logLimit: LogLimit;
  readonly #jobUserOf: (identity: Identity) => string | undefined;
  /** Readers of logs take turns, user by user. */
  readonly #turns = new Turns();
  /** For each job, the user of the last audit entry about its input. */
  readonly #inputBy = new BoundedMap<string, string>(MAX_INPUTS);

  constructor(
    worker: Worker,
    audit: Audit,
    { logLimit = DEFAULT_LOG_LIMIT, jobUserOf = () => undefined }: WorkerServiceOptions = {},
  ) {
    this.#worker = worker;
    this.#audit = audit;
    this.#logLimit = logLimit;
    this.#jobUserOf = jobUserOf;
  }

  startJob(request: StartJobRequest, context: CallContext): Promise<Job> {
    return this.#start(request, context, (options) => this.#worker.start(options));
  }

  placeJob({ jobId, start }: PlaceJobRequest, context: CallContext): Promise<Job> {
    return this.#start({ ...start, requestId: "" }, context, (options) => {
      checkPlacement({ jobId, start });
      return this.#worker.start({ ...options, jobId });
    });
  }

  async #start(
    request: StartJobRequest,
    context: CallContext,
    start: (options: StartOptions) => Promise<Job>,
  ): Promise<Job> {
    const { command, labels, name = "", requestId, logLimit = {}, execution = {}, queue = false } =
      request;
    const { notify } = request;
    return await this.#call("startJob", request, context, async (call) => {
      checkHere(request);
      // Nothing runs that the audit trail cannot account for.
      await this.#audit.assertWritable();
      const { signal, caller: { identity } } = context;
      const owner = identity.user;
      const jobUser = this.#jobUserOf(identity);
      const made = (job: Job) => {
        call.jobId = job.jobId;
        call.runAs = job.execution.user;
      };
      const job = await start({
        command,
        labels,
        name,
        requestId,
        owner,
        logLimit: { ...this.#logLimit, ...logLimit },
        execution,
        ...(jobUser !== undefined && { jobUser }),
        ...(notify !== undefined && { notify }),
        queue,
        signal,
        confirm: (job) => {
          made(job);
          return this.#commit(call);
        },
      }).catch((error) => {
        // If it was accounted for already, so is that it came to nothing.
        call.audited = false;
        throw error;
      });
      made(job);
      return job;
    });
  }

  async stopJob(request: StopJobRequest, context: CallContext): Promise<Job> {
    return await this.#call("stopJob", request, context, async (call) => {
      await this.#reach(call);
      const { stopSignal, gracePeriodMs } = request;
      return await this.#worker.stop(request.jobId, {
        ...(stopSignal === "" ? {} : { stopSignal }),
        ...(gracePeriodMs === null ? {} : { gracePeriodMs }),
      });
    });
  }

  async getJob(request: JobRequest, context: CallContext): Promise<Job> {
    const job = await this.#call("getJob", request, context, async (call) => {
      const found = await this.#worker.get(call.jobId);
      authorizeCall(call, found.owner);
      return found;
    });
    return redactJob(job, context.caller.identity);
  }

  async listJobs(request: ListJobsRequest, context: CallContext): Promise<ListJobsResponse> {
    return await this.#call("listJobs", request, context, async (call) => {
      const filter = this.#visible(call, request.filter, request.own);
      const { pageToken, counts = false } = request;
      if (filter === null) {
        return { jobs: [], nextPageToken: "", ...(counts && { counts: NO_JOBS }) };
      }
      const limit = request.pageSize || DEFAULT_PAGE_SIZE;
      const jobs = await this.#worker.list(filter, {
        limit,
        ...(pageToken === "" ? {} : { before: pageToken }),
      });
      const last = jobs.at(-1)?.jobId ?? "";
      // A page of large jobs has fewer than its limit, so their number does not tell whether there are more.
      const next = last === "" ? [] : await this.#worker.list(filter, { limit: 1, before: last });
      return {
        jobs: jobs.map((job) => redactJob(job, context.caller.identity)),
        nextPageToken: next.length === 0 ? "" : last,
        ...(counts && { counts: await this.#worker.countByStatus(filter) }),
      };
    });
  }

  async waitJob(request: JobRequest, context: CallContext): Promise<Job> {
    await this.#call("waitJob", request, context, (call) => this.#reach(call));
    const job = await this.#worker.wait(request.jobId, { signal: context.signal });
    return redactJob(job, context.caller.identity);
  }

  async getLogs(request: GetLogsRequest, context: CallContext): Promise<GetLogsResponse> {
    return await this.#call("getLogs", request, context, async (call) => {
      await this.#reach(call);
      const { jobId, offset, endOffset } = request;
      const log = this.#worker.readLog(jobId, {
        start: { kind: "offset", offset },
        streams: wanted(request.streams),
        follow: false,
        ...(endOffset !== undefined && { endOffset }),
        ...this.#reading(context),
      });
      return await outputPage(log, { offset, maxBytes: request.maxBytes || MAX_OUTPUT_BYTES });
    });
  }

  async *streamLogs(request: StreamLogsRequest, context: CallContext): AsyncIterable<LogBatch> {
    await this.#call("streamLogs", request, context, (call) => this.#reach(call));
    const { jobId, batchBytes = Infinity, ...what } = request;
    const streams = wanted(request.streams);
    const { caller: { identity } } = context;
    const reading = { ...this.#reading(context), reuse: true };
    for await (const batch of this.#worker.readLog(jobId, { ...what, streams, ...reading })) {
      const { finishedJob } = batch;
      yield* batchParts(
        finishedJob === null ? batch : { ...batch, finishedJob: redactJob(finishedJob, identity) },
        batchBytes,
      );
    }
  }

  async *watchJobs(request: WatchJobsRequest, context: CallContext): AsyncIterable<Job> {
    const filter = await this.#call(
      "watchJobs",
      request,
      context,
      (call) => Promise.resolve(this.#visible(call, request.filter)),
    );
    if (filter === null) return;
    const { newest = 0 } = request;
    for await (const job of this.#worker.watch(filter, context.signal, { newest })) {
      yield redactJob(job, context.caller.identity);
    }
  }

  async signalJob(request: SignalJobRequest, context: CallContext): Promise<Job> {
    return await this.#call("signalJob", request, context, async (call) => {
      await this.#reach(call);
      return await this.#worker.signal(request.jobId, request.signal);
    });
  }

  async updateJob(request: UpdateJobRequest, context: CallContext): Promise<Job> {
    return await this.#call("updateJob", request, context, async (call) => {
      await this.#reach(call);
      return await this.#worker.update(request.jobId, request.timeoutMs);
    });
  }

  async writeInput(request: WriteInputRequest, context: CallContext): Promise<WriteInputResponse> {
    return await this.#call("writeInput", request, context, async (call) => {
      await this.#reach(call);
      const { jobId, offset, data, end } = request;
      const { signal } = context;
      const accepted = await this.#worker.writeInput(jobId, offset, data, { signal });
      if (end) await this.#worker.closeInput(jobId);
      return { accepted };
    });
  }

  async pruneJobs(request: PruneJobsRequest, context: CallContext): Promise<PruneJobsResponse> {
    return await this.#call("pruneJobs", request, context, async (call) => {
      const { owner, dryRun, ...retention } = request;
      const filter = this.#visible(call, owner === "" ? {} : { owner });
      if (filter === null) return { jobs: [], count: 0, bytes: 0 };
      const whose = filter.owner === undefined ? {} : { owner: filter.owner };
      return await this.#worker.prune({ retention, dryRun, ...whose });
    });
  }

  async *streamAudit(request: StreamAuditRequest, context: CallContext): AsyncIterable<AuditBatch> {
    await this.#call("streamAudit", request, context, () => Promise.resolve());
    yield { records: [], position: request.position };
    yield* this.#audit.read(request, context.signal);
  }

  async listHosts(request: ListHostsRequest, context: CallContext): Promise<ListHostsResponse> {
    return await this.#call("listHosts", request, context, () => Promise.resolve({ hosts: [] }));
  }

  async *runJobs(request: RunJobsRequest, context: CallContext): AsyncIterable<RunJobsResponse> {
    yield await this.#call("runJobs", request, context, () => Promise.reject(notAHub()));
  }

  async stopJobs(request: StopJobsRequest, context: CallContext): Promise<StopJobsResponse> {
    return await this.#call("stopJobs", request, context, async (call) => {
      // Each of them has an entry of its own.
      call.audited = true;
      return await stopEach(request, (each) => this.stopJob(each, context));
    });
  }

  /** How a log is read for a caller: as long as they are there, and in turn with other users. */
  #reading(
    { caller: { identity }, signal }: CallContext,
  ): { turn: () => Promise<void>; signal: AbortSignal } {
    return { turn: () => this.#turns.next(identity.user, signal), signal };
  }

  /** Authorises, checks, runs and writes the audit entry; what an open-ended call does after that is not part of it. */
  async #call<T>(
    method: JobMethod,
    request: RequestOf<JobMethod>,
    context: CallContext,
    run: (call: ServiceCall) => Promise<T>,
  ): Promise<T> {
    // Nothing in a request can be relied on before it is checked, and a denied one never is.
    const jobId = "jobId" in request && typeof request.jobId === "string" ? request.jobId : "";
    const command = method === "startJob" ? commandOf(request) : null;
    const call: ServiceCall = {
      method,
      context,
      command,
      notify: method === "startJob" ? webhookOf(request) : "",
      jobId,
      runAs: "",
      denied: false,
      audited: false,
    };
    let result: AuditEntry["result"] = isAuditedWhenLetIn(method) ? "opened" : "ok";
    try {
      authorizeCall(call);
      checkRequest(method, request);
      return await run(call);
    } catch (error) {
      const code = error instanceof JobWorkerError ? error.code : "internal";
      call.denied ||= code === "permission_denied";
      result = context.signal.aborted ? "cancelled" : code;
      throw error;
    } finally {
      if (!call.audited && !this.#isContinuedInput(call, result)) await this.#write(call, result);
    }
  }

  /** The first piece of a long input is audited for all that are let in, until somebody else writes. */
  #isContinuedInput(
    { method, jobId, context }: ServiceCall,
    result: AuditEntry["result"],
  ): boolean {
    if (method !== "writeInput" || result !== "ok") return false;
    const { user } = context.caller.identity;
    if (this.#inputBy.get(jobId) === user) return true;
    this.#inputBy.set(jobId, user);
    return false;
  }

  async #write(call: ServiceCall, result: AuditEntry["result"]): Promise<void> {
    const write = () => this.#audit.write(entryOf(call, result));
    // A change is not answered before its entry is on the disk. If that fails, it has been made nevertheless.
    if (result === "ok" && isChange(call.method)) await this.#commit(call).catch(write);
    else await write();
  }

  /** Flushes the entry of a successful call to the disk. */
  async #commit(call: ServiceCall): Promise<void> {
    await this.#audit.commit(entryOf(call, "ok"));
    call.audited = true;
  }

  /** Checks whether the caller may do this with the requested job. */
  async #reach(call: ServiceCall): Promise<void> {
    authorizeCall(call, await this.#worker.ownerOf(call.jobId));
  }

  /**
   * Narrows a filter to what the caller may see; `null` if that is no job at all.
   *
   * @param own whether they want to see what is theirs only
   */
  #visible(call: ServiceCall, filter: JobFilter, own = false): JobFilter | null {
    const scope = authorizeCall(call);
    // No job that is here is that of another host.
    if (filter.host !== undefined) return null;
    if (scope === "all" && !own) return filter;
    return narrowTo(call.context.caller.identity.user, filter);
  }
}

function wanted(streams: readonly LogStream[]): readonly LogStream[] {
  return streams.length === 0 ? LOG_STREAMS : streams;
}
