import { type Context, type Handler, Hono, type MiddlewareHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Sessions } from "../auth/sessions.ts";
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
import { basicAuth, type FailedLogin, logIn } from "./basic_auth.ts";
import { handlersOf } from "./handlers.ts";
import { HttpError, httpStatusOf, knownError } from "./http_error.ts";
import { type Operation, type OperationId, OPERATIONS } from "./operations.ts";
import { pageRoutes } from "./page/routes.ts";
import { loginRoutes } from "./page/login_routes.ts";
import { problemAnswer } from "./page/page_answer.ts";
import { PROBLEM_TYPE, problemOf } from "./problem.ts";
import { contextOf, type RestEnv } from "./rest_env.ts";
import { type OwnNames, sameOrigin } from "./same_origin.ts";
import { sessionAuth } from "./session_auth.ts";

/** Options of {@linkcode restApp}. */
export interface RestAppOptions extends OwnNames {
  /** Who has logged in to the page; without it, a browser sends the password itself. */
  readonly sessions?: Sessions | null;
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
    // Which only browsers ask for by name.
    if (/\btext\/html\b/.test(c.req.header("accept") ?? "")) {
      return problemAnswer(c, new HttpError("not_found", 404, "There is no such page"));
    }
    const message = "There is nothing at this path: see /openapi.json";
    return failure(c, undefined, new HttpError("not_found", 404, message));
  });

  const { sessions = null, onFailedLogin } = options;
  const basic = basicAuth(login, onFailedLogin);
  const authenticate = sessions === null ? basic : sessionAuth(sessions, basic);
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
  const known = (error: unknown) => knownError(error, (fault) => onFault(fault, "page"));
  if (sessions !== null) {
    app.route(
      "/",
      loginRoutes(sessions, {
        ...{ authenticate, checkOrigin, known },
        logIn: (credentials, c) => logIn(login, credentials, c, onFailedLogin),
      }),
    );
  }
  app.route("/", pageRoutes(service, { authenticate, known, hasLogin: sessions !== null }));
  return app;
}

/**
 * Has a request with a body refused, and audited, before the body is read, if the roles of the caller do not allow
 * it. A body that is small is read nevertheless, for what it says to the audit trail.
 */
function checkRole(service: JobService, id: OperationId): MiddlewareHandler<RestEnv> {
  const { body }: Operation = OPERATIONS[id];
  const method = methodOf(id);
  const call = service[method].bind(service) as (
    request: { readonly jobId: string; readonly data?: Uint8Array },
    context: CallContext,
  ) => Promise<unknown>;
  return async function checkRole(c, next) {
    const bytes = Number(c.req.header("content-length") ?? Infinity);
    if (bytes > MAX_DENIED_BYTES && !mayCall(c.var.caller.identity, method)) {
      const jobId = c.req.param("jobId") ?? "";
      // Between processes, bytes are apart from the rest of a request, so they may not be missing.
      await call({ jobId, ...(body === "bytes" && { data: new Uint8Array() }) }, contextOf(c));
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
