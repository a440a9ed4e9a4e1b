import { Hono, type MiddlewareHandler } from "hono";
import * as z from "../../text/zod.ts";
import type { JobWorkerError } from "../../errors.ts";
import type { JobService } from "../../service/job_service.ts";
import { JOB_STATUSES } from "../../job/types.ts";
import { filterOf } from "../handlers.ts";
import { readJobId, readQuery } from "../request.ts";
import { OPERATIONS } from "../operations.ts";
import { contextOf, type RestEnv } from "../rest_env.ts";
import { jobId } from "../schemas/pieces.ts";
import agesScript from "./ages.js" with { type: "text" };
import ansiScript from "./ansi.js" with { type: "text" };
import changesScript from "./changes.js" with { type: "text" };
import { jobListPage, matches } from "./job_list.ts";
import { jobPage } from "./job_view.ts";
import { orLogin } from "./or_login.ts";
import { pageAnswer, problemAnswer, readerOf } from "./page_answer.ts";
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
  ages: agesScript,
  changes: changesScript,
  keys: keysScript,
  server: serverScript,
};

/** What a browser loads besides the pages: path, type and text. None of it is secret. */
const ASSETS: readonly (readonly [path: string, type: string, text: string])[] = [
  ...Object.entries(STYLES).map(([name, text]) => [`/${name}.css`, "text/css", text] as const),
  ...Object.entries(SCRIPTS)
    .map(([name, text]) => [`/${name}.js`, "text/javascript", text] as const),
];

/** How many jobs a page shows, and how many it searches. */
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
  /** Whether there is a page to log in on. */
  readonly hasLogin: boolean;
  /** What a caller may be told about an error. */
  readonly known: (error: unknown) => JobWorkerError;
}

/** The page for people: the jobs at `/`, one job at `/jobs/{jobId}`, the form for another at `/new`. It only reads; changes go through the API. */
export function pageRoutes(service: JobService, options: PageRoutesOptions): Hono<RestEnv> {
  const { known, hasLogin } = options;
  const authenticate = hasLogin ? orLogin(options.authenticate) : options.authenticate;
  const routes = new Hono<RestEnv>();
  routes.onError((fault, c) => problemAnswer(c, known(fault)));
  for (const [path, type, text] of ASSETS) {
    routes.get(path, (c) => c.body(text, 200, { "Content-Type": `${type}; charset=utf-8` }));
  }

  routes.get("/", authenticate, async (c) => {
    const { page, ...query } = readQuery(c, { query: listQuery });
    const { status, owner, host, label, q } = query;
    const filter = filterOf({
      ...(owner !== "" && { owner }),
      ...(host !== "" && { host }),
      ...(label.length > 0 && { label }),
    });
    const { jobs, nextPageToken, counts = null } = await service.listJobs({
      filter: status === "" ? filter : { ...filter, statuses: [status] },
      pageSize: q === "" ? PAGE_SIZE : SEARCH_SIZE,
      pageToken: page,
      // Who goes on to older jobs has the sums already.
      ...(page === "" && { counts: true }),
    }, contextOf(c));
    const shown = jobs.filter((job) => matches(job, q));
    const view = { reader: readerOf(c), query, counts, nextPageToken, now: Date.now() };
    return pageAnswer(c, jobListPage(shown, view));
  });

  routes.get("/jobs/:jobId", authenticate, async (c) => {
    const job = await service.getJob({ jobId: readJobId(c) }, contextOf(c));
    return pageAnswer(c, jobPage(job, { reader: readerOf(c), now: Date.now() }));
  });

  routes.get("/new", authenticate, async (c) => {
    const { from } = readQuery(c, { query: startQuery });
    const job = from === undefined ? null : await service.getJob({ jobId: from }, contextOf(c));
    return pageAnswer(c, startPage({ reader: readerOf(c), from: job }));
  });
  return routes;
}
