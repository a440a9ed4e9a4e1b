import { Hono, type MiddlewareHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import * as z from "../../text/zod.ts";
import type { JobWorkerError } from "../../errors.ts";
import type { JobService } from "../../service/job_service.ts";
import { JOB_STATUSES } from "../../job/types.ts";
import { HttpError, httpStatusOf } from "../http_error.ts";
import { readJobId, readQuery } from "../request.ts";
import type { RestEnv } from "../rest_env.ts";
import ansiScript from "./ansi.js" with { type: "text" };
import { jobListPage, matches } from "./job_list.ts";
import { jobPage } from "./job_view.ts";
import { problemPage } from "./layout.ts";
import logScript from "./log_view.js" with { type: "text" };
import styles from "./page.css" with { type: "text" };
import script from "./page.js" with { type: "text" };

/** What a browser loads besides the pages, by path. None of it is secret. */
const ASSETS: Readonly<Record<string, readonly [type: string, text: string]>> = {
  "/page.css": ["text/css; charset=utf-8", styles],
  "/page.js": ["text/javascript; charset=utf-8", script],
  "/log_view.js": ["text/javascript; charset=utf-8", logScript],
  "/ansi.js": ["text/javascript; charset=utf-8", ansiScript],
};

/** Only allows what comes from this daemon, and nothing inline: see docs/page.md. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** How many jobs a page shows, and how many it searches. */
const PAGE_SIZE = 100;
const SEARCH_SIZE = 1000;

const listQuery = z.strictObject({
  status: z.enum(["", ...JOB_STATUSES]).default(""),
  q: z.string().default(""),
  page: z.string().default(""),
});

/** Options of {@linkcode pageRoutes}. */
export interface PageRoutesOptions {
  /** Only lets known users pass. */
  readonly authenticate: MiddlewareHandler<RestEnv>;
  /** What a caller may be told about an error. */
  readonly known: (error: unknown) => JobWorkerError;
}

/** The page for people: the jobs at `/`, one job at `/jobs/{jobId}`. It only reads; changes go through the API. */
export function pageRoutes(service: JobService, options: PageRoutesOptions): Hono<RestEnv> {
  const { authenticate, known } = options;
  const routes = new Hono<RestEnv>();
  routes.onError((fault, c) => {
    const error = known(fault);
    if (error instanceof HttpError) {
      for (const [name, value] of Object.entries(error.headers)) c.header(name, value);
    }
    c.header("Content-Security-Policy", PAGE_POLICY);
    return c.html(problemPage(error.message), httpStatusOf(error) as ContentfulStatusCode);
  });
  for (const [path, [type, text]] of Object.entries(ASSETS)) {
    routes.get(path, (c) => c.body(text, 200, { "Content-Type": type }));
  }

  routes.get("/", authenticate, async (c) => {
    const { status, q, page } = readQuery(c, { query: listQuery });
    const { jobs, nextPageToken } = await service.listJobs({
      filter: status === "" ? {} : { statuses: [status] },
      pageSize: q === "" ? PAGE_SIZE : SEARCH_SIZE,
      pageToken: page,
    }, { caller: c.var.caller, signal: c.req.raw.signal });
    const { identity } = c.var.caller;
    const shown = jobs.filter((job) => matches(job, q));
    c.header("Content-Security-Policy", PAGE_POLICY);
    return c.html(jobListPage(shown, { identity, status, q, nextPageToken, now: Date.now() }));
  });

  routes.get("/jobs/:jobId", authenticate, async (c) => {
    const context = { caller: c.var.caller, signal: c.req.raw.signal };
    const job = await service.getJob({ jobId: readJobId(c) }, context);
    c.header("Content-Security-Policy", PAGE_POLICY);
    return c.html(jobPage(job, { identity: c.var.caller.identity, now: Date.now() }));
  });
  return routes;
}
