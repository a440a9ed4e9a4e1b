import { abortable } from "../async/abortable.ts";
import { authorize } from "../auth/authorize.ts";
import { JobWorkerError, messageOf } from "../errors.ts";
import { newId } from "../ids.ts";
import { type Host, type HostSelector } from "../job/host.ts";
import { JobWatch } from "../job/job_watch.ts";
import type { Job, JobFilter, LogBatch } from "../job/types.ts";
import type { Audit, AuditEntry } from "../service/audit.ts";
import { DEFAULT_PAGE_SIZE } from "../service/fields.ts";
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
import { checkRequest } from "../service/requests.ts";
import { stopEach } from "../service/many_jobs.ts";
import type { FleetHosts, HubHost } from "./fleet_hosts.ts";
import { type Candidate, placesFor, selects } from "./placement.ts";
import type { KnownJob, Registry } from "./registry.ts";
import { RunJobs } from "./run_jobs.ts";
import { isUnanswered, silent } from "./unanswered.ts";

/** Any host. */
const ANYWHERE: HostSelector = { host: "", labels: {} };

/** How much of the existing jobs each watch holds in memory while its reader is busy. */
const WATCH_PAGE = { limit: 100, maxBytes: 64 * 1024 };

/** The most jobs in one answer of `pruneJobs`. */
const MAX_PRUNED = 1_000;

/**
 * The service of a fleet: what is about one job is done by the host that has it, by its rules and in its audit
 * trail, for the caller themself. What is about many jobs is answered from what hosts have told.
 */
export class Hub implements JobService {
  readonly #hosts: FleetHosts;
  readonly #registry: Registry;
  readonly #audit: Audit;
  /** How many starts are on their way to each host. */
  readonly #starting = new Map<string, number>();
  /** The starts that may still go elsewhere, by whose they are and their request id. */
  readonly #placing = new Map<string, { isRepeated: boolean }>();
  readonly #runs = new RunJobs({
    service: this,
    mayHaveStarted: (owner, requestId) => this.#registry.placeOf(owner, requestId) !== undefined,
  });

  /** @param audit where the hub records what it decides itself */
  constructor(hosts: FleetHosts, registry: Registry, audit: Audit) {
    this.#hosts = hosts;
    this.#registry = registry;
    this.#audit = audit;
  }

  async startJob(request: StartJobRequest, context: CallContext): Promise<Job> {
    const { on = ANYWHERE, ...whole } = request;
    const requestId = request.requestId || newId();
    // What a host decides stands in its own trail.
    let isAudited = false;
    return await this.#call("startJob", request, context, async () => {
      const owner = context.caller.identity.user;
      const placed = this.#registry.placeOf(owner, requestId);
      const key = JSON.stringify([owner, requestId]);
      const place = placed === undefined ? { isRepeated: false } : null;
      const first = this.#placing.get(key);
      if (first !== undefined) first.isRepeated = true;
      if (place !== null) this.#placing.set(key, place);
      using _placing = { [Symbol.dispose]: () => void (place && this.#placing.delete(key)) };
      const names = placed === undefined
        ? placesFor(this.#candidates(), on).map(({ name }) => name)
        : [placed];
      for (const [index, name] of names.entries()) {
        const host = this.#hosts.reach(name);
        this.#registry.place(owner, requestId, name);
        isAudited = true;
        try {
          return await this.#startAt(host, { ...whole, requestId }, context);
        } catch (error) {
          // It may run there, or a call that asks for it may still come there: it must not run anywhere else.
          if (isUnanswered(error) || context.signal.aborted) throw error;
          if (place === null || place.isRepeated) throw error;
          this.#registry.unplace(owner, requestId);
          const isFull = error instanceof JobWorkerError && error.code === "resource_exhausted";
          if (!isFull || index === names.length - 1) throw error;
        }
      }
      throw new Error("The loop ends with its last host");
    }, () => isAudited);
  }

  stopJob(request: StopJobRequest, context: CallContext): Promise<Job> {
    return this.#changed("stopJob", request, context);
  }

  async getJob(request: JobRequest, context: CallContext): Promise<Job> {
    return this.#lastHeard(request, context) ?? await this.#changed("getJob", request, context);
  }

  async waitJob(request: JobRequest, context: CallContext): Promise<Job> {
    const known = this.#lastHeard(request, context);
    if (known !== null && known.end !== null) return known;
    return await this.#changed("waitJob", request, context);
  }

  async getLogs(request: GetLogsRequest, context: CallContext): Promise<GetLogsResponse> {
    return await (await this.#hostOf("getLogs", request, context)).service
      .getLogs(request, context);
  }

  async *streamLogs(request: StreamLogsRequest, context: CallContext): AsyncIterable<LogBatch> {
    const { name, service } = await this.#hostOf("streamLogs", request, context);
    for await (const batch of service.streamLogs(request, context)) {
      const { finishedJob } = batch;
      yield finishedJob === null
        ? batch
        : { ...batch, finishedJob: { ...finishedJob, host: name } };
    }
  }

  signalJob(request: SignalJobRequest, context: CallContext): Promise<Job> {
    return this.#changed("signalJob", request, context);
  }

  updateJob(request: UpdateJobRequest, context: CallContext): Promise<Job> {
    return this.#changed("updateJob", request, context);
  }

  async writeInput(request: WriteInputRequest, context: CallContext): Promise<WriteInputResponse> {
    return await (await this.#hostOf("writeInput", request, context)).service
      .writeInput(request, context);
  }

  async listJobs(request: ListJobsRequest, context: CallContext): Promise<ListJobsResponse> {
    return await this.#call("listJobs", request, context, () => {
      const filter = visible(request.filter, "listJobs", context);
      if (filter === null) return { jobs: [], nextPageToken: "" };
      const { pageToken, pageSize } = request;
      const limit = pageSize || DEFAULT_PAGE_SIZE;
      const jobs = this.#registry.list(filter, {
        limit,
        ...(pageToken !== "" && { before: pageToken }),
      });
      const last = jobs.at(-1)?.job.jobId ?? "";
      // A page of large jobs has fewer than its limit, so their number does not tell whether there are more.
      const next = last === "" ? [] : this.#registry.list(filter, { limit: 1, before: last });
      return {
        jobs: jobs.map((known) => this.#told(known)),
        nextPageToken: next.length === 0 ? "" : last,
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
    const watch = new JobWatch(filter, (jobId) => Promise.resolve(this.#find(jobId)));
    using _watching = this.#hosts.watch((jobId) => {
      const job = this.#find(jobId);
      if (job !== undefined) watch.tell(job);
    });
    let page = this.#registry.list(filter, WATCH_PAGE);
    for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
      yield* page.map((known) => this.#told(known));
      page = this.#registry.list(filter, { ...WATCH_PAGE, before: last.job.jobId });
    }
    yield* watch.changes(context.signal);
  }

  /** Each host prunes what it has, by the same limits. */
  async pruneJobs(request: PruneJobsRequest, context: CallContext): Promise<PruneJobsResponse> {
    return await this.#call("pruneJobs", request, context, async () => {
      const hosts = this.#hosts.all();
      const pruned = await Promise.allSettled(hosts.map(async ({ name }) => {
        const { service } = this.#hosts.reach(name);
        const { jobs, ...rest } = await service.pruneJobs(request, context);
        return { ...rest, jobs: jobs.map((job) => ({ ...job, host: name })) };
      }));
      const done = pruned.filter((each) => each.status === "fulfilled").map(({ value }) => value);
      const whole = {
        jobs: done.flatMap(({ jobs }) => jobs).toSorted(newestFirst).slice(0, MAX_PRUNED),
        count: done.reduce((sum, { count }) => sum + count, 0),
        bytes: done.reduce((sum, { bytes }) => sum + bytes, 0),
      };
      const failed = pruned.find((each) => each.status === "rejected");
      if (failed === undefined) return whole;
      throw done.length === 0 ? failed.reason : partly(failed.reason, whole.count, done.length);
    });
  }

  async *streamAudit(request: StreamAuditRequest, context: CallContext): AsyncIterable<AuditBatch> {
    await this.#call("streamAudit", request, context, () => {});
    yield { records: [], position: request.position };
    yield* this.#audit.read(request, context.signal);
  }

  async listHosts(request: ListHostsRequest, context: CallContext): Promise<ListHostsResponse> {
    return await this.#call("listHosts", request, context, () => {
      const { on = ANYWHERE } = request;
      return { hosts: this.#hosts.described().filter((host: Host) => selects(on, host)) };
    });
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

  async #startAt(host: HubHost, request: StartJobRequest, context: CallContext): Promise<Job> {
    const { name, service } = host;
    this.#starting.set(name, this.#startingAt(name) + 1);
    try {
      const job = await service.startJob(request, context);
      this.#note(name, job);
      return { ...job, host: name };
    } finally {
      this.#starting.set(name, this.#startingAt(name) - 1);
    }
  }

  /** It runs, so a repeat must find it, whatever is wrong with the registry. */
  #note(name: string, job: Job): void {
    try {
      this.#registry.started(name, job);
    } catch (error) {
      const text =
        `Host "${name}" has started job "${job.jobId}", but the hub cannot write that down`;
      throw silent(`${text}: ${messageOf(error)}`, { cause: error });
    }
  }

  #startingAt(name: string): number {
    return this.#starting.get(name) ?? 0;
  }

  #candidates(): Candidate[] {
    return this.#hosts.all().map(({ name, labels, slots }) => ({
      name,
      labels,
      slots,
      used: this.#registry.live(name) + this.#startingAt(name),
      isOnline: this.#hosts.isOnline(name),
    }));
  }

  /** What a host answers that tells of the job itself. */
  async #changed<Name extends "stopJob" | "getJob" | "waitJob" | "signalJob" | "updateJob">(
    method: Name,
    request: RequestOf<Name>,
    context: CallContext,
  ): Promise<Job> {
    const { name, service } = await this.#hostOf(method, request, context);
    const job = await service[method](request as never, context);
    return { ...job, host: name };
  }

  /** The host that has a job. */
  async #hostOf(
    method: JobMethod,
    request: RequestOf<JobMethod> & JobRequest,
    context: CallContext,
  ): Promise<HubHost> {
    const known = this.#registry.get(request.jobId);
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
  #lastHeard({ jobId }: JobRequest, { caller: { identity } }: CallContext): Job | null {
    const known = this.#registry.get(jobId);
    if (known === undefined || this.#hosts.isOnline(known.host)) return null;
    const decision = authorize(identity, METHODS.getJob.rule, known.job.owner);
    return decision.kind === "allowed" ? this.#told(known) : null;
  }

  #find(jobId: string): Job | undefined {
    const known = this.#registry.get(jobId);
    return known && this.#told(known);
  }

  #told({ job, host }: KnownJob): Job {
    const heardAt = this.#hosts.isOnline(host) ? null : this.#hosts.heardAt(host);
    return { ...job, host, ...(heardAt !== null && { asOf: heardAt }) };
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
  return { caller, method, jobId, command: null, decision, result };
}

/** Narrows a filter to what the caller may see; `null` if that is no job at all. */
function visible(
  filter: JobFilter,
  method: JobMethod,
  { caller: { identity } }: CallContext,
): JobFilter | null {
  const decision = authorize(identity, METHODS[method].rule);
  if (decision.kind === "allowed" && decision.scope === "all") return filter;
  const owner = identity.user;
  return filter.owner === undefined || filter.owner === owner ? { ...filter, owner } : null;
}

function newestFirst(a: Job, b: Job): number {
  return a.jobId < b.jobId ? 1 : -1;
}

/** What is thrown if some hosts have done what others have not. */
function partly(error: unknown, count: number, hosts: number): unknown {
  if (!(error instanceof JobWorkerError)) return error;
  const done = `${count} ${count === 1 ? "job" : "jobs"} of ${hosts} other hosts`;
  const { code, message, reason } = error;
  const text = `${message}; ${done} were removed all the same`;
  return new JobWorkerError(code, text, { cause: error, ...(reason !== undefined && { reason }) });
}
