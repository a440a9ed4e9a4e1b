import { type Context, Hono, type MiddlewareHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { settleAll } from "../../async/settle_all.ts";
import * as z from "../../text/zod.ts";
import type { JobWorkerError } from "../../errors.ts";
import type { JobService } from "../../service/job_service.ts";
import { JOB_STATUSES } from "../../job/types.ts";
import { filterOf } from "../handlers.ts";
import { HttpError, httpStatusOf } from "../http_error.ts";
import { readJobId, readQuery } from "../request.ts";
import { OPERATIONS } from "../operations.ts";
import { contextOf, type RestEnv } from "../rest_env.ts";
import { jobId } from "../schemas/pieces.ts";
import ansiScript from "./ansi.js" with { type: "text" };
import { jobListPage, matches, tallyOf } from "./job_list.ts";
import { jobPage } from "./job_view.ts";
import { type Html, problemPage } from "./layout.ts";
import keysScript from "./keys.js" with { type: "text" };
import listScript from "./list.js" with { type: "text" };
import logScript from "./log.js" with { type: "text" };
import logStyles from "./log.css" with { type: "text" };
import logViewScript from "./log_view.js" with { type: "text" };
import markScript from "./mark.js" with { type: "text" };
import styles from "./page.css" with { type: "text" };
import script from "./page.js" with { type: "text" };
import serverScript from "./server.js" with { type: "text" };
import startScript from "./start.js" with { type: "text" };
import { startPage } from "./start_form.ts";

const STYLES = { page: styles, log: logStyles };
const SCRIPTS = {
  page: script,
  list: listScript,
  start: startScript,
  log: logScript,
  log_view: logViewScript,
  mark: markScript,
  ansi: ansiScript,
  keys: keysScript,
  server: serverScript,
};

/** What a browser loads besides the pages: path, type and text. None of it is secret. */
const ASSETS: readonly (readonly [path: string, type: string, text: string])[] = [
  ...Object.entries(STYLES).map(([name, text]) => [`/${name}.css`, "text/css", text] as const),
  ...Object.entries(SCRIPTS)
    .map(([name, text]) => [`/${name}.js`, "text/javascript", text] as const),
];

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

/** How many jobs a page shows, and how many it searches and counts. */
const PAGE_SIZE = 100;
const SEARCH_SIZE = 1000;

const { shape } = OPERATIONS.listJobs.query;
const listQuery = z.strictObject({
  status: z.enum(["", ...JOB_STATUSES]).default(""),
  owner: z.literal("").or(shape.owner.unwrap()).default(""),
  host: z.literal("").or(shape.host.unwrap()).default(""),
  label: shape.label.unwrap().default([]),
  q: z.string().default(""),
  page: z.string().default(""),
});

const startQuery = z.strictObject({ from: jobId.optional() });

/** Options of {@linkcode pageRoutes}. */
export interface PageRoutesOptions {
  /** Only lets known users pass. */
  readonly authenticate: MiddlewareHandler<RestEnv>;
  /** What a caller may be told about an error. */
  readonly known: (error: unknown) => JobWorkerError;
}

/** The page for people: the jobs at `/`, one job at `/jobs/{jobId}`, the form for another at `/new`. It only reads; changes go through the API. */
export function pageRoutes(service: JobService, options: PageRoutesOptions): Hono<RestEnv> {
  const { authenticate, known } = options;
  const routes = new Hono<RestEnv>();
  routes.onError((fault, c) => {
    const error = known(fault);
    if (error instanceof HttpError) {
      for (const [name, value] of Object.entries(error.headers)) c.header(name, value);
    }
    return pageAnswer(c, problemPage(error.message), error);
  });
  for (const [path, type, text] of ASSETS) {
    routes.get(path, (c) => c.body(text, 200, { "Content-Type": `${type}; charset=utf-8` }));
  }

  routes.get("/", authenticate, async (c) => {
    const { page, ...query } = readQuery(c, { query: listQuery });
    const { status, owner, host, label, q } = query;
    const context = contextOf(c);
    const filter = filterOf({
      ...(owner !== "" && { owner }),
      ...(host !== "" && { host }),
      ...(label.length > 0 && { label }),
    });
    const listed = service.listJobs({
      filter: status === "" ? filter : { ...filter, statuses: [status] },
      pageSize: q === "" ? PAGE_SIZE : SEARCH_SIZE,
      pageToken: page,
    }, context);
    // Who goes on to older jobs has the sums already.
    const counted = page !== "" ? Promise.resolve(null) : service.listJobs(
      { filter, pageSize: SEARCH_SIZE, pageToken: "" },
      context,
    ).then(({ jobs, nextPageToken }) => tallyOf(jobs, nextPageToken !== ""));
    const [{ jobs, nextPageToken }, tally] = await settleAll([listed, counted]);
    const { identity } = c.var.caller;
    const shown = jobs.filter((job) => matches(job, q));
    const view = { identity, query, tally, nextPageToken, now: Date.now() };
    return pageAnswer(c, jobListPage(shown, view));
  });

  routes.get("/jobs/:jobId", authenticate, async (c) => {
    const job = await service.getJob({ jobId: readJobId(c) }, contextOf(c));
    return pageAnswer(c, jobPage(job, { identity: c.var.caller.identity, now: Date.now() }));
  });

  routes.get("/new", authenticate, async (c) => {
    const { from } = readQuery(c, { query: startQuery });
    const job = from === undefined ? null : await service.getJob({ jobId: from }, contextOf(c));
    return pageAnswer(c, startPage({ identity: c.var.caller.identity, from: job }));
  });
  return routes;
}

function pageAnswer(
  c: Context<RestEnv>,
  page: Html,
  error?: JobWorkerError,
): Response | Promise<Response> {
  c.header("Content-Security-Policy", PAGE_POLICY);
  return c.html(page, (error === undefined ? 200 : httpStatusOf(error)) as ContentfulStatusCode);
}
