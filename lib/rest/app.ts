import { type Context, type Handler, Hono, type MiddlewareHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { PasswordLogin } from "../auth/password_login.ts";
import type { CallContext, JobService } from "../service/job_service.ts";
import {
  isStream,
  JOB_METHODS,
  MAX_DENIED_BYTES,
  mayCall,
  METHODS,
  type UnaryMethod,
} from "../service/methods.ts";
import type { Alike } from "../service/alike.ts";
import { type JobFilter, statusOf } from "../job/types.ts";
import { auditAnswer } from "./audit_answer.ts";
import { basicAuth, type FailedLogin } from "./basic_auth.ts";
import { HttpError, httpStatusOf, knownError } from "./http_error.ts";
import { jobJson } from "../job/job_json.ts";
import { logAnswer } from "./log_answer.ts";
import { openApiDocument } from "./openapi.ts";
import { type Operation, type OperationId, OPERATIONS } from "./operations.ts";
import { pageRoutes } from "./page/routes.ts";
import { PROBLEM_TYPE, problemOf } from "./problem.ts";
import { readBody, readJobId, readQuery } from "./request.ts";
import type { RestEnv } from "./rest_env.ts";
import { type OwnNames, sameOrigin } from "./same_origin.ts";

/** Options of {@linkcode restApp}. */
export interface RestAppOptions extends OwnNames {
  readonly onFailedLogin: (failed: FailedLogin) => void;
  /** Told of every internal error: the caller only learns that there was one. */
  readonly onFault: (error: unknown, operation: string) => void;
  /** How long an event stream may be silent; 15 s by default. */
  readonly heartbeatMs?: number;
}

/**
 * The REST API on top of a `JobService`, and the page, as a function from a request to a response.
 * `app.request()` calls it without a network.
 */
export function restApp(
  service: JobService,
  login: Pick<PasswordLogin, "login">,
  options: RestAppOptions,
): Hono<RestEnv> {
  const { onFault, heartbeatMs = 15_000 } = options;
  const handlers = handlersOf(service, {
    heartbeatMs,
    known: (error) => knownError(error, (fault) => onFault(fault, "readLog")),
  });
  // A trailing slash makes no difference.
  const app = new Hono<RestEnv>({ strict: false });
  app.use(guardedAnswers);
  app.onError((error, c) => {
    const operation = c.get("operation");
    const name = operation?.path ?? c.req.path;
    return failure(c, operation, knownError(error, (fault) => onFault(fault, name)));
  });
  app.notFound((c) => {
    const message = "There is nothing at this path: see /openapi.json";
    return failure(c, undefined, new HttpError("not_found", 404, message));
  });

  const authenticate = basicAuth(login, options.onFailedLogin);
  const checkOrigin = sameOrigin(options);
  const operations = Object.entries<Operation>(OPERATIONS) as [OperationId, Operation][];
  for (const [id, operation] of operations) {
    const path = routeOf(operation);
    app.on(operation.method, path, named(operation));
    if (operation.open !== true) app.on(operation.method, path, authenticate);
    if (operation.method !== "GET") app.on(operation.method, path, checkOrigin);
    if (operation.body !== undefined) app.on(operation.method, path, checkRole(service, id));
    app.on(operation.method, path, handlers[id]);
  }
  for (const [, operation] of operations) {
    app.all(routeOf(operation), named(operation), refuseMethod(operation.path));
  }
  app.route(
    "/",
    pageRoutes(service, {
      authenticate,
      known: (error) => knownError(error, (fault) => onFault(fault, "page")),
    }),
  );
  return app;
}

/** One thin handler per operation: it reads HTTP, calls the service, and writes HTTP. */
function handlersOf(
  service: JobService,
  answerOptions: Parameters<typeof logAnswer>[3],
): Record<OperationId, Handler<RestEnv>> {
  const document = openApiDocument();
  return {
    health: (c) => c.json({ status: "ok" }),

    async start(c) {
      const { command: name, args } = await readBody(c, OPERATIONS.start.body);
      const command = { name, args, env: {}, workingDirectory: "" };
      const { jobId } = await service.startJob(
        // What it answers has no word for a job that waits.
        { command, labels: {}, requestId: "", queue: false },
        contextOf(c),
      );
      return c.json({ status: "running", jobId, error: null });
    },

    async stop(c) {
      const { jobId } = await readBody(c, OPERATIONS.stop.body);
      await service.stopJob({ jobId, stopSignal: "", gracePeriodMs: null }, contextOf(c));
      return c.json({ status: "success", error: null });
    },

    async status(c) {
      const job = await service.getJob({ jobId: readJobId(c) }, contextOf(c));
      return c.json({ status: "success", error: null, jobStatus: statusOf(job) });
    },

    async listJobs(c) {
      const { status, owner, label, jobIdPrefix, host, startedAfter, startedBefore, ...page } =
        readQuery(
          c,
          OPERATIONS.listJobs,
        );
      const filter = {
        ...(status !== undefined && { statuses: status }),
        ...(owner !== undefined && { owner }),
        ...(label !== undefined && { labels: Object.fromEntries(label.map(pairOf)) }),
        ...(jobIdPrefix !== undefined && { jobIdPrefix }),
        ...(startedAfter !== undefined && { startedAfter: Date.parse(startedAfter) }),
        ...(startedBefore !== undefined && { startedBefore: Date.parse(startedBefore) }),
        ...(host !== undefined && { host }),
      };
      // A filter without a parameter does not compile.
      true satisfies Alike<typeof filter, JobFilter>;
      const { jobs, nextPageToken } = await service.listJobs({ filter, ...page }, contextOf(c));
      return c.json({ jobs: jobs.map(jobJson), nextPageToken });
    },

    async startJob(c) {
      const request = await readBody(c, OPERATIONS.startJob.body);
      return c.json(jobJson(await service.startJob(request, contextOf(c))), 201);
    },

    async getJob(c) {
      return c.json(jobJson(await service.getJob({ jobId: readJobId(c) }, contextOf(c))));
    },

    async stopJob(c) {
      const jobId = readJobId(c);
      const how = await readBody(c, OPERATIONS.stopJob.body, { optional: true });
      return c.json(jobJson(await service.stopJob({ jobId, ...how }, contextOf(c))));
    },

    readLog: (c) => logAnswer(c, service, readJobId(c), answerOptions),

    readAudit: (c) => auditAnswer(c, service, answerOptions),

    document: (c) => c.json(document),
  };
}

function contextOf(c: Context<RestEnv>): CallContext {
  return { caller: c.var.caller, signal: c.req.raw.signal };
}

/**
 * Has a request with a body refused, and audited, before the body is read, if the roles of the caller do not allow
 * it. A body that is small is read nevertheless, for what it says to the audit trail.
 */
function checkRole(service: JobService, id: OperationId): MiddlewareHandler<RestEnv> {
  const method = methodOf(id);
  const call = service[method].bind(service) as (
    request: { jobId: string },
    context: CallContext,
  ) => Promise<unknown>;
  return async function checkRole(c, next) {
    const bytes = Number(c.req.header("content-length") ?? Infinity);
    if (bytes > MAX_DENIED_BYTES && !mayCall(c.var.caller.identity, method)) {
      await call({ jobId: c.req.param("jobId") ?? "" }, contextOf(c));
    }
    await next();
  };
}

/** The method that an operation with a body calls. */
function methodOf(id: OperationId): UnaryMethod {
  const method = JOB_METHODS.find((method) => METHODS[method].rest.some((name) => name === id));
  if (method === undefined || isStream(method)) {
    throw new TypeError(`The operation ${id} calls no method that answers once`);
  }
  return method;
}

function pairOf(label: string): [string, string] {
  const separator = label.indexOf("=");
  return [label.slice(0, separator), label.slice(separator + 1)];
}

/** The path in the syntax of hono. */
function routeOf({ path }: Operation): string {
  return path.replace(/\{(\w+)\}/g, ":$1").replace(/\/$/, "");
}

function named(operation: Operation): MiddlewareHandler<RestEnv> {
  return async function remember(c, next) {
    c.set("operation", operation);
    await next();
  };
}

function refuseMethod(path: string): Handler<RestEnv> {
  const methods = Object.values(OPERATIONS).filter((operation) => operation.path === path)
    .flatMap(({ method }) => method === "GET" ? ["GET", "HEAD"] : [method]);
  const allow = methods.join(", ");
  return (c) => {
    const message = `Cannot ${c.req.method} ${path}: only ${allow}`;
    throw new HttpError("unimplemented", 405, message, { headers: { Allow: allow } });
  };
}

function failure(
  c: Context<RestEnv>,
  operation: Operation | undefined,
  error: ReturnType<typeof knownError>,
): Response {
  if (error instanceof HttpError) {
    for (const [name, value] of Object.entries(error.headers)) c.header(name, value);
  }
  const status = httpStatusOf(error) as ContentfulStatusCode;
  if (operation?.failure !== undefined) {
    return c.json(operation.failure.body(error.message), status);
  }
  return c.body(JSON.stringify(problemOf(error)), status, { "Content-Type": PROBLEM_TYPE });
}

/** Answers of the API must not be stored, sniffed, framed or used by other sites. */
const GUARDS = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

const guardedAnswers: MiddlewareHandler<RestEnv> = async function guardAnswer(c, next) {
  await next();
  for (const [name, value] of Object.entries(GUARDS)) {
    if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  }
};
