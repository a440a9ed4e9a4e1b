import { abortable } from "../async/abortable.ts";
import { authorize } from "../auth/authorize.ts";
import { JobWorkerError } from "../errors.ts";
import { JobWatch } from "../job/job_watch.ts";
import type { JobPage } from "../job/job_store.ts";
import { narrowTo } from "../job/narrow.ts";
import { NO_JOBS } from "../job/status_counts.ts";
import type { Job, JobFilter, LogBatch } from "../job/types.ts";
import type { Audit, AuditEntry } from "../service/audit.ts";
import { DEFAULT_PAGE_SIZE } from "../service/fields.ts";
import type {
  AuditBatch,
  CallContext,
  EarlyLog,
  GetLogsRequest,
  GetLogsResponse,
  JobRequest,
  JobService,
  ListHostsRequest,
  ListHostsResponse,
  ListJobsRequest,
  ListJobsResponse,
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
} from "../service/job_service.ts";
import { type JobMethod, METHODS, type RequestOf } from "../service/methods.ts";
import { stopEach } from "../service/many_jobs.ts";
import { checkRequest, commandOf } from "../service/requests.ts";
import { checkPriority } from "./check_priority.ts";
import type { FleetHosts, HubHost } from "./fleet_hosts.ts";
import type { FleetQueue } from "./fleet_queue.ts";
import { type KnownJob, NOWHERE } from "./known_job.ts";
import { JobsHere } from "./jobs_here.ts";
import { selects } from "./placement.ts";
import { pruneHosts, pruneOwn, together } from "./prune_fleet.ts";
import { ANYWHERE } from "./queued_start.ts";
import type { Registry } from "./registry.ts";
import { RunJobs } from "./run_jobs.ts";

/**
 * The service of a fleet: what is about one job is done by the host that has it, by its rules and in its audit
 * trail, for the caller themself. What is about many jobs is answered from what hosts have told.
 */
export class Hub implements JobService {
  readonly #hosts: FleetHosts;
  readonly #registry: Registry;
  readonly #queue: FleetQueue;
  readonly #here: JobsHere;
  readonly #audit: Audit;
  readonly #runs = new RunJobs({
    service: this,
    mayHaveStarted: async (owner, requestId) =>
      await this.#registry.queue.find(owner, requestId) !== undefined,
  });

  /** @param audit where the hub records what it decides itself */
  constructor(hosts: FleetHosts, registry: Registry, queue: FleetQueue, audit: Audit) {
    this.#hosts = hosts;
    this.#registry = registry;
    this.#queue = queue;
    this.#here = new JobsHere(hosts, registry, queue);
    this.#audit = audit;
  }

  async startJob(request: StartJobRequest, context: CallContext, early?: EarlyLog): Promise<Job> {
    // What a host has started stands in its own trail.
    let isAudited = false;
    return await this.#call("startJob", request, context, async () => {
      checkPriority(request, context);
      await this.#audit.assertWritable();
      const { job, isQueued } = await this.#queue.submit(request, context, early);
      if (isQueued) await this.#account(request, context, job);
      isAudited = true;
      return await this.#chosen(job);
    }, () => isAudited);
  }

  async stopJob(request: StopJobRequest, context: CallContext): Promise<Job> {
    const stopped = await this.#atHub(
      "stopJob",
      request,
      context,
      (known) => this.#here.stop(known, context.signal),
    );
    return stopped ?? await this.#changed("stopJob", request, context);
  }

  async getJob(request: JobRequest, context: CallContext): Promise<Job> {
    return await this.#atHub("getJob", request, context, (known) => this.#here.told(known)) ??
      await this.#lastHeard(request, context) ?? await this.#changed("getJob", request, context);
  }

  async waitJob(request: JobRequest, context: CallContext): Promise<Job> {
    const here = await this.#atHub("waitJob", request, context, (known) => Promise.resolve(known));
    const ended = here && await this.#here.left(here, context.signal);
    if (ended) return await this.#here.told(ended);
    const known = await this.#lastHeard(request, context);
    if (known !== null && known.end !== null) return known;
    return await this.#changed("waitJob", request, context);
  }

  async getLogs(request: GetLogsRequest, context: CallContext): Promise<GetLogsResponse> {
    const page = () => Promise.resolve(this.#here.page(request));
    return await this.#atHub("getLogs", request, context, page) ??
      await (await this.#hostOf("getLogs", request, context)).service.getLogs(request, context);
  }

  async *streamLogs(request: StreamLogsRequest, context: CallContext): AsyncIterable<LogBatch> {
    const here = await this.#atHub("streamLogs", request, context, (job) => Promise.resolve(job));
    if (here && (yield* this.#here.log(here, request, context.signal)) === "all") return;
    const { name, service } = await this.#hostOf("streamLogs", request, context);
    for await (const batch of service.streamLogs(request, context)) {
      const { finishedJob } = batch;
      yield finishedJob === null
        ? batch
        : { ...batch, finishedJob: await this.#told(name, finishedJob) };
    }
  }

  async signalJob(request: SignalJobRequest, context: CallContext): Promise<Job> {
    await this.#atHub("signalJob", request, context, ({ job }) => {
      throw this.#here.refusal("signal", job);
    });
    return await this.#changed("signalJob", request, context);
  }

  async updateJob(request: UpdateJobRequest, context: CallContext): Promise<Job> {
    const changed = await this.#atHub(
      "updateJob",
      request,
      context,
      (known) => this.#here.limitTime(known, request.timeoutMs, context.signal),
    );
    return changed ?? await this.#changed("updateJob", request, context);
  }

  async writeInput(request: WriteInputRequest, context: CallContext): Promise<WriteInputResponse> {
    await this.#atHub("writeInput", request, context, ({ job }) => {
      throw this.#here.refusal("write to", job);
    });
    return await (await this.#hostOf("writeInput", request, context)).service
      .writeInput(request, context);
  }

  async listJobs(request: ListJobsRequest, context: CallContext): Promise<ListJobsResponse> {
    return await this.#call("listJobs", request, context, async () => {
      const filter = visible(request.filter, "listJobs", context, request.own);
      const { pageToken, pageSize, counts = false } = request;
      if (filter === null) {
        return { jobs: [], nextPageToken: "", ...(counts && { counts: NO_JOBS }) };
      }
      const limit = pageSize || DEFAULT_PAGE_SIZE;
      const jobs = await this.#registry.list(filter, {
        limit,
        ...(pageToken !== "" && { before: pageToken }),
      });
      const last = jobs.at(-1)?.job.jobId ?? "";
      // A page of large jobs has fewer than its limit, so their number does not tell whether there are more.
      const before = { limit: 1, before: last };
      const next = last === "" ? [] : await this.#registry.list(filter, before);
      return {
        jobs: await Promise.all(jobs.map((known) => this.#here.told(known))),
        nextPageToken: next.length === 0 ? "" : last,
        ...(counts && { counts: await this.#registry.countByStatus(filter) }),
      };
    });
  }

  async *watchJobs(request: WatchJobsRequest, context: CallContext): AsyncIterable<Job> {
    const filter = await this.#call(
      "watchJobs",
      request,
      context,
      () => visible(request.filter, "watchJobs", context),
    );
    if (filter === null) return;
    const watch = new JobWatch(filter, async (jobId) => {
      const known = await this.#registry.get(jobId);
      return known && await this.#here.told(known);
    });
    using _watching = this.#hosts.watch((jobId) => {
      if (jobId === null) watch.end(missed());
      else watch.note(jobId);
    });
    const list = async (page: JobPage) => {
      const known = await this.#registry.list(filter, page);
      return await Promise.all(known.map((known) => this.#here.told(known)));
    };
    yield* watch.jobs(list, context.signal, request);
  }

  async pruneJobs(request: PruneJobsRequest, context: CallContext): Promise<PruneJobsResponse> {
    return await this.#call("pruneJobs", request, context, async () => {
      const { owner } = request;
      const filter = visible(owner === "" ? {} : { owner }, "pruneJobs", context);
      const own = filter === null ? [] : [await pruneOwn(this.#registry, request, filter.owner)];
      return together([...own, await pruneHosts(this.#hosts, request, context)]);
    });
  }

  async *streamAudit(request: StreamAuditRequest, context: CallContext): AsyncIterable<AuditBatch> {
    await this.#call("streamAudit", request, context, () => {});
    yield { records: [], position: request.position };
    yield* this.#audit.read(request, context.signal);
  }

  async listHosts(request: ListHostsRequest, context: CallContext): Promise<ListHostsResponse> {
    const { on = ANYWHERE } = request;
    return await this.#call("listHosts", request, context, () => ({
      hosts: this.#hosts.described().filter((host) => selects(on, host)),
    }));
  }

  async *runJobs(request: RunJobsRequest, context: CallContext): AsyncIterable<RunJobsResponse> {
    await this.#callOfMany("runJobs", request, context);
    yield* this.#runs.run(request, context);
  }

  async stopJobs(request: StopJobsRequest, context: CallContext): Promise<StopJobsResponse> {
    await this.#callOfMany("stopJobs", request, context);
    return await stopEach(request, (each) => this.stopJob(each, context));
  }

  /** Lets in a call of which each part is authorised, and has its audit entry, by itself. */
  async #callOfMany(
    method: "runJobs" | "stopJobs",
    request: RequestOf<JobMethod>,
    context: CallContext,
  ): Promise<void> {
    let isLetIn = false;
    await this.#call(method, request, context, () => void (isLetIn = true), () => isLetIn);
  }

  /** What waits is accounted for before anybody is told of it. */
  async #account(request: StartJobRequest, context: CallContext, { jobId }: Job): Promise<void> {
    try {
      await this.#audit.commit({ ...entryOf("startJob", request, context, "ok"), jobId });
    } catch (error) {
      await this.#registry.queue.withdraw(jobId, NOWHERE);
      throw error;
    }
  }

  /**
   * Answers a call about a job that no host has.
   *
   * @returns `undefined` if a host has it
   */
  async #atHub<T>(
    method: JobMethod,
    request: RequestOf<JobMethod> & JobRequest,
    context: CallContext,
    answer: (known: KnownJob) => Promise<T>,
  ): Promise<T | undefined> {
    const known = await this.#here.find(request.jobId);
    if (known === undefined) return undefined;
    const { identity } = context.caller;
    return await this.#call(method, request, context, async () => {
      switch (authorize(identity, METHODS[method].rule, known.job.owner).kind) {
        case "allowed":
          return await answer(known);
        case "not_found":
          throw new JobWorkerError("not_found", `No job "${request.jobId}"`);
        case "permission_denied":
          throw new JobWorkerError(
            "permission_denied",
            `Permission denied: user "${identity.user}" may not call ${method} on job "${request.jobId}"`,
          );
      }
    });
  }

  /** What a host answers that tells of the job itself. */
  async #changed<Name extends "stopJob" | "getJob" | "waitJob" | "signalJob" | "updateJob">(
    method: Name,
    request: RequestOf<Name>,
    context: CallContext,
  ): Promise<Job> {
    const { name, service } = await this.#hostOf(method, request, context);
    const job = await service[method](request as never, context);
    return await this.#told(name, job);
  }

  /** What a host has told of one of its jobs, with what only the hub knows. */
  async #told(host: string, job: Job): Promise<Job> {
    if (job.end !== null) await this.#registry.ended(host, job);
    return await this.#chosen({ ...job, host });
  }

  async #chosen(job: Job): Promise<Job> {
    const on = (await this.#registry.get(job.jobId))?.job.on;
    return { ...job, ...(on !== undefined && { on }) };
  }

  /** The host that has a job. */
  async #hostOf(
    method: JobMethod,
    request: RequestOf<JobMethod> & JobRequest,
    context: CallContext,
  ): Promise<HubHost> {
    const known = await this.#registry.get(request.jobId);
    const { identity } = context.caller;
    // The host would say so, but whether it answers must not tell that there is such a job.
    const isHidden = known !== undefined &&
      authorize(identity, METHODS[method].rule, known.job.owner).kind === "not_found";
    if (known !== undefined && !isHidden) return this.#hosts.reach(known.host);
    return await this.#call(method, request, context, () => {
      throw new JobWorkerError("not_found", `No job "${request.jobId}"`);
    });
  }

  /** A job of a host that cannot be reached, as that has last told it; `null` for any other. */
  async #lastHeard(
    { jobId }: JobRequest,
    { caller: { identity } }: CallContext,
  ): Promise<Job | null> {
    const known = await this.#registry.get(jobId);
    if (known === undefined || this.#hosts.isOnline(known.host)) return null;
    const decision = authorize(identity, METHODS.getJob.rule, known.job.owner);
    return decision.kind === "allowed" ? this.#here.shown(known) : null;
  }

  /** Authorises, checks, runs, and writes the audit entry, unless a host does. */
  async #call<T>(
    method: JobMethod,
    request: RequestOf<JobMethod>,
    context: CallContext,
    run: () => T | Promise<T>,
    isAudited: () => boolean = () => false,
  ): Promise<T> {
    let result: AuditEntry["result"] = "ok";
    try {
      const { identity } = context.caller;
      if (authorize(identity, METHODS[method].rule).kind !== "allowed") {
        const text = `Permission denied: user "${identity.user}" may not call ${method}`;
        throw new JobWorkerError("permission_denied", text);
      }
      checkRequest(method, request);
      return await abortable(Promise.try(run), context.signal);
    } catch (error) {
      result = error instanceof JobWorkerError ? error.code : "internal";
      if (context.signal.aborted) result = "cancelled";
      throw error;
    } finally {
      if (!isAudited()) await this.#audit.write(entryOf(method, request, context, result));
    }
  }
}

function entryOf(
  method: JobMethod,
  request: RequestOf<JobMethod>,
  { caller }: CallContext,
  result: AuditEntry["result"],
): AuditEntry {
  const jobId = "jobId" in request ? String(request.jobId).slice(0, 64) : "";
  const decision = result === "permission_denied" ? "denied" : "allowed";
  const command = method === "startJob" ? commandOf(request) : null;
  return { caller, method, jobId, command, decision, result };
}

/**
 * Narrows a filter to what the caller may see; `null` if that is no job at all.
 *
 * @param own whether they want to see what is theirs only
 */
function visible(
  filter: JobFilter,
  method: JobMethod,
  { caller: { identity } }: CallContext,
  own = false,
): JobFilter | null {
  const decision = authorize(identity, METHODS[method].rule);
  if (decision.kind === "allowed" && decision.scope === "all" && !own) return filter;
  return narrowTo(identity.user, filter);
}

/** Whoever watches asks again, and is told how all of it is then. */
function missed(): JobWorkerError {
  return new JobWorkerError(
    "unavailable",
    "The registry was out of reach, and what has changed meanwhile was not seen; watch again",
  );
}
